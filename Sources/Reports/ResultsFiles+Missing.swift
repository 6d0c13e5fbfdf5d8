import Files
import Foundation

/// How far a run had come that was over before this process began.
package struct RunTotals: Sendable, Equatable {
    package var step: Int
    package var epoch: Double
    package var totalTokens: Int
    /// Floating-point operations of the model since step 0.
    package var totalFLOPs: Double

    package init(step: Int, epoch: Double, totalTokens: Int, totalFLOPs: Double) {
        self.step = step
        self.epoch = epoch
        self.totalTokens = totalTokens
        self.totalFLOPs = totalFLOPs
    }
}

// Reports of a run that was ended after its last checkpoint and before they were written.
extension ResultsFiles {
    package static let trainFile = "train_results.json"
    package static let evaluationFile = "eval_results.json"
    package static let allFile = "all_results.json"

    /// Which of the files a folder lacks.
    package static func missing(in folder: String) -> [String] {
        [TrainerState.fileName, trainFile, evaluationFile, allFile].filter {
            !FileManager.default.fileExists(atPath: folder + "/" + $0)
        }
    }

    /// Makes the files that are missing of what is known. The mean loss and the times of the process that made the
    /// steps are not.
    package func runWasOver(_ totals: RunTotals, withEvaluation: Bool) throws(ReportError) {
        let missing = Self.missing(in: folder)
        state.globalStep = totals.step
        state.epoch = totals.epoch
        state.totalTokens = totals.totalTokens
        state.totalFLOPs = totals.totalFLOPs
        if missing.contains(TrainerState.fileName) { try writeState() }
        var figures: [JSONValue.Member] = []
        if missing.contains(Self.trainFile) {
            let train: [JSONValue.Member] = [
                ("epoch", .double(totals.epoch)),
                ("num_input_tokens_seen", .int(totals.totalTokens)),
                ("total_flos", .double(totals.totalFLOPs)),
            ]
            try write(train, to: Self.trainFile)
            figures += train
        } else if missing.contains(Self.allFile) {
            figures += members(of: Self.trainFile)
        }
        let known = missing.contains(Self.evaluationFile) ? state.lastEvaluation : nil
        if withEvaluation, let evaluation = results["eval"] ?? known {
            try write(evaluation, to: Self.evaluationFile)
            figures += evaluation
        } else if missing.contains(Self.allFile) {
            figures += members(of: Self.evaluationFile)
        }
        if !figures.isEmpty { try AllResults.merge(figures, in: folder) }
    }

    private func write(_ members: [JSONValue.Member], to name: String) throws(ReportError) {
        let text = JSONValue.object(members).text(indent: 4, sortsKeys: true) + "\n"
        try ReportFile.write(Data(text.utf8), to: folder + "/" + name)
    }

    /// What a file of the folder holds; nothing where it is absent or broken.
    private func members(of name: String) -> [JSONValue.Member] {
        guard let data = FileManager.default.contents(atPath: folder + "/" + name) else {
            return []
        }
        return (try? JSONValueReader.read([UInt8](data)[...]))?.members ?? []
    }
}
