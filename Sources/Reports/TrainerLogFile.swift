import Files
import Metrics

/// trainer_log.jsonl: a line of JSON for each logged step and each evaluation, appended as they come.
package final class TrainerLogFile: TrainingObserver {
    package static let fileName = "trainer_log.jsonl"

    private let lines: StepLines

    /// The file in `folder`, which need not exist yet.
    package init(folder: String) {
        lines = StepLines(path: folder + "/" + Self.fileName, key: "current_steps")
    }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        try lines.keep(to: step)
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
        try lines.append(.object(members))
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
        try lines.append(.object(members))
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
}
