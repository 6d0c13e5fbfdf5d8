import Files
import Metrics

/// The folder of an evaluation's results.
package struct TaskOutput {
    private let folder: String
    private let names: [String]

    /// - Parameter names: of the tasks.
    package init(folder: String, _ names: [String]) {
        self.folder = folder
        self.names = names
    }

    /// Makes the folder.
    ///
    /// - Throws: ``EvaluationError/user(_:)``, for nothing has been computed yet.
    package func begin() throws(EvaluationError) {
        do throws(FileProblem) {
            try PendingFile.makeFolder(folder)
        } catch {
            throw .user("save_dir: cannot make '\(error.file)': \(error.problem)")
        }
    }

    /// Writes the results of all tasks, in their order. Where several tasks have files of one name, each
    /// has a folder of its own.
    ///
    /// - Parameter reports: what results of lm-evaluation-harness's kind have in common.
    package func write(
        _ results: [TaskResult], _ reports: HarnessResults
    ) throws(EvaluationError) {
        if results.contains(where: { $0.report != nil }) {
            try AnswerStore.written { () throws(FileProblem) in
                try PendingFile.write(
                    reports.json.text(indent: 2) + "\n", to: "\(folder)/\(reports.fileName)")
            }
        }
        var counts: [String: Int] = [:]
        for file in results.flatMap(\.files) { counts[file.name, default: 0] += 1 }
        for (name, result) in zip(names, results) {
            for file in result.files {
                let isShared = counts[file.name] ?? 0 > 1
                let place = isShared ? "\(folder)/\(name)" : folder
                try AnswerStore.written { () throws(FileProblem) in
                    if isShared { try PendingFile.makeFolder(place) }
                    try PendingFile.write(file.text, to: "\(place)/\(file.name)")
                }
            }
        }
    }
}
