import Files
import Foundation
import Metrics

/// trainer_log.jsonl: a line of JSON for each logged step and each evaluation, appended as they come.
package final class TrainerLogFile: TrainingObserver {
    package static let fileName = "trainer_log.jsonl"

    private let path: String

    /// The file in `folder`, which need not exist yet.
    package init(folder: String) {
        path = folder + "/" + Self.fileName
    }

    /// Drops lines after the step the run goes on from, so that no step is logged twice; a run that
    /// begins at step 0 begins its log anew.
    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        let newline = UInt8(ascii: "\n")
        var kept = Data()
        for line in data.split(separator: newline) where Self.step(of: line) ?? Int.max <= step {
            kept.append(contentsOf: line)
            kept.append(newline)
        }
        if step == 0 { kept = Data() }
        guard kept != data else { return }
        try ReportFile.write(kept, to: path)
    }

    /// The step of a line; `nil` for one that was cut off.
    private static func step(of line: Data) -> Int? {
        (try? JSONValueReader.read([UInt8](line)[...]))?["current_steps"]?.integer
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) {
        var members: [(key: String, value: JSONValue)] = [
            ("current_steps", .int(report.step)),
            ("total_steps", .int(report.totalSteps)),
            ("loss", .double(report.loss)),
            ("lr", .double(report.learningRate)),
            ("grad_norm", .double(report.gradNorm)),
        ]
        members += report.figures.map { ($0.name, .double($0.value)) }
        // LLaMA-Factory's name for it in this file.
        members += report.figures.filter { $0.name == "rewards/accuracies" }
            .map { (Figure.accuracy, .double($0.value)) }
        members += progress(
            report.step, report.totalSteps, report.epoch, report.elapsed, report.remaining)
        members += [
            ("throughput", .double(ReportText.rounded(report.tokensPerSecond, 2))),
            ("total_tokens", .int(report.totalTokens)),
            ("step_seconds", .double(ReportText.rounded(report.stepSeconds, 6))),
        ]
        if let scale = report.lossScale { members.append(("loss_scale", .double(scale))) }
        if let energy = report.energyJoules {
            members.append(("energy_joules", .double(ReportText.rounded(energy, 3))))
        }
        try append(.object(members))
    }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        var members: [(key: String, value: JSONValue)] = [
            ("current_steps", .int(report.step)),
            ("total_steps", .int(report.totalSteps)),
            ("eval_loss", .double(report.loss)),
        ]
        members += report.figures.map { ("eval_" + $0.name, .double($0.value)) }
        members += progress(
            report.step, report.totalSteps, report.epoch, report.elapsed, report.remaining)
        try append(.object(members))
    }

    private func progress(
        _ step: Int, _ total: Int, _ epoch: Double, _ elapsed: Double, _ remaining: Double
    ) -> [(key: String, value: JSONValue)] {
        [
            ("epoch", .double(ReportText.rounded(epoch, 4))),
            ("percentage", .double(ReportText.rounded(100 * Double(step) / Double(total), 2))),
            ("elapsed_time", .string(ReportText.duration(elapsed))),
            ("remaining_time", .string(ReportText.duration(remaining))),
        ]
    }

    private func append(_ line: JSONValue) throws(ReportError) {
        let data = Data((line.text() + "\n").utf8)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            try ReportFile.write(data, to: path)
            return
        }
        do {
            try handle.seekToEnd()
            try handle.write(contentsOf: data)
            try handle.close()
        } catch {
            throw .write(file: path, reason: ReportFile.reason(error))
        }
    }
}
