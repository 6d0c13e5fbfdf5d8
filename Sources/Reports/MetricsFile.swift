import Files
package import Foundation
import Metrics

/// A run's figures for Prometheus, in its text format: a file that a node's exporter collects.
///
/// It is replaced as a whole, at each logged step and evaluation and in between every few seconds, so that a
/// monitor sees a slow step, too. Source: prometheus.io, "Exposition formats", version 0.0.4.
package final class MetricsFile: TrainingObserver {
    private let path: String
    private let run: String
    /// Seconds between two writings where nothing is logged.
    private let interval: Double
    private let now: () -> Date
    private var step: StepReport?
    private var totalSteps = 0
    private var firstStep = 0
    private var evaluation: EvaluationReport?
    private var skippedSteps = 0
    private var energy: Double?
    private var isRunning = true
    private var lastWritten = -Double.infinity

    /// - Parameters:
    ///   - path: `metrics_file`.
    ///   - run: the run's name, a label of every figure.
    package init(
        _ path: String, run: String, interval: Double = 5, now: @escaping () -> Date = { Date() }
    ) {
        self.path = path
        self.run = run
        self.interval = interval
        self.now = now
    }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        firstStep = step
        self.totalSteps = totalSteps
        try write()
    }

    package func stepFinished(_ report: StepReport) throws(ReportError) {
        step = report
        if report.isSkipped { skippedSteps += 1 }
        if let joules = report.energyJoules { energy = (energy ?? 0) + joules }
        if report.elapsed - lastWritten >= interval { try write() }
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) { try write() }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        evaluation = report
        try write()
    }

    package func runEnded(_ summary: RunSummary) throws(ReportError) {
        isRunning = false
        try write()
    }

    private func write() throws(ReportError) {
        lastWritten = step?.elapsed ?? 0
        try ReportFile.write(Data(text().utf8), to: path)
    }

    private enum Kind: String { case gauge, counter }

    private func text() -> String {
        var text = ""
        func add(
            _ name: String, _ kind: Kind, _ help: String,
            _ values: [(label: String?, value: Double)]
        ) {
            guard !values.isEmpty else { return }
            text += "# HELP lockstep_\(name) \(help)\n# TYPE lockstep_\(name) \(kind.rawValue)\n"
            for (label, value) in values {
                let labels = [("run", run)] + (label.map { [("name", $0)] } ?? [])
                let written = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
                text += "lockstep_\(name){\(written)} \(Self.number(value))\n"
            }
        }
        func gauge(_ name: String, _ help: String, _ value: Double?) {
            add(name, .gauge, help, value.map { [(nil, $0)] } ?? [])
        }
        func counter(_ name: String, _ help: String, _ value: Double?) {
            add(name, .counter, help, value.map { [(nil, $0)] } ?? [])
        }
        gauge("running", "1 while the run trains, 0 when it is finished.", isRunning ? 1 : 0)
        gauge("updated_seconds", "When this was written, since 1970.", now().timeIntervalSince1970)
        gauge("step", "Finished optimizer steps.", Double(step?.step ?? firstStep))
        gauge("steps_planned", "Steps of the whole run.", Double(totalSteps))
        gauge("epoch", "Passes over the data.", step?.epoch)
        gauge("loss", "Mean loss per target of the last step, over all ranks.", step?.loss)
        gauge("learning_rate", "Of the last step.", step?.learningRate)
        gauge("grad_norm", "Global L2 norm of the gradients before clipping.", step?.gradNorm)
        gauge("loss_scale", "Factor on the loss in fp16.", step?.lossScale)
        gauge("step_seconds", "Duration of the last step.", step?.stepSeconds)
        gauge("remaining_seconds", "Estimated until the last step.", step?.remaining)
        gauge("tokens_per_second", "Of the last step, over all ranks.", step?.tokensPerSecond)
        counter(
            "tokens_total", "Tokens since step 0, over all ranks.",
            step.map { Double($0.totalTokens) })
        gauge(
            "peak_memory_bytes", "Most memory that rank 0 has held.",
            step.map { Double($0.peakMemoryBytes) })
        counter(
            "skipped_steps_total", "Steps of this process without an update.", Double(skippedSteps))
        counter(
            "energy_joules_total",
            "Of the processor packages of all hosts whose counters can be read.", energy)
        add(
            "figure", .gauge, "What the objective tells besides the loss.",
            step?.figures.map { ($0.name, $0.value) } ?? [])
        if let evaluation {
            add(
                "eval", .gauge, "The last evaluation.",
                [("loss", evaluation.loss)] + evaluation.figures.map { ($0.name, $0.value) })
            gauge("eval_step", "The step of the last evaluation.", Double(evaluation.step))
        }
        return text
    }

    /// A label's value between quotes.
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "\\": escaped += #"\\"#
            case "\"": escaped += #"\""#
            case _ where character.isNewline: escaped += #"\n"#
            default: escaped.append(character)
            }
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int(exactly: value).map(String.init) ?? String(value)
    }
}
