package import Files

/// completions.jsonl: some of the texts that a model wrote and learned from, with their rewards, at each
/// logged step.
package final class CompletionsFile: TrainingObserver {
    package static let fileName = "completions.jsonl"

    private let lines: StepLines
    /// Members of the lines of the newest rollout, without its step.
    private var newest: [[(key: String, value: JSONValue)]] = []

    /// The file in `folder`, which need not exist yet.
    package init(folder: String) {
        lines = StepLines(path: folder + "/" + Self.fileName, key: "step")
    }

    /// Takes the texts of a rollout, which the next logged step writes down.
    package func take(_ texts: [[(key: String, value: JSONValue)]]) { newest = texts }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        try lines.keep(to: step)
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) {
        for members in newest {
            try lines.append(.object([("step", .int(report.step))] + members))
        }
        newest = []
    }
}
