package import Metrics

/// Something that a model is tried on. One file a task or a kind of tasks; one line in ``TaskCatalog``.
package protocol EvaluationTask {
    /// As results name it.
    var name: String { get }
    /// What is asked of the model, in the order of the documents.
    var requests: [TaskRequest] { get }
    /// Lines for the user before it begins: how prompts are written, what is left out.
    var notes: [String] { get }

    /// What the answers come to.
    ///
    /// - Parameter answers: one for each request, in their order.
    func result(_ answers: [TaskAnswer]) -> TaskResult
}

/// What a task came to.
package struct TaskResult {
    /// Figures by name, as a training run logs them; the first says most.
    package var figures: [Figure]
    /// Lines for the terminal.
    package var lines: [String]
    /// Files for save_dir; the names of several tasks differ, but for those of which each has a folder.
    package var files: [PredictionFile]
    /// What results that all tasks share say of it; `nil` where it has files of its own kind alone.
    package var report: TaskReport?

    package init(
        figures: [Figure], lines: [String] = [], files: [PredictionFile] = [],
        report: TaskReport? = nil
    ) {
        self.figures = figures
        self.lines = lines
        self.files = files
        self.report = report
    }
}
