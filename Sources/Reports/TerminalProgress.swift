package import Metrics

/// Progress for the user: on a terminal a bar, redrawn in place; elsewhere a line a logged step.
package final class TerminalProgress: TrainingObserver {
    private let device: TerminalDevice
    private let drawsBar: Bool
    /// Seconds between two drawings of the bar.
    private let interval: Double
    private var bar: String?
    private var lastDrawn = -Double.infinity
    private var recentLoss: Double?

    /// Reports to `device`; without `usesBar` in plain lines even on a terminal.
    package init(_ device: TerminalDevice, usesBar: Bool = true, interval: Double = 0.1) {
        self.device = device
        self.interval = interval
        drawsBar = usesBar && device.isTerminal
    }

    package func stepFinished(_ report: StepReport) {
        guard drawsBar else { return }
        if !report.isSkipped {
            // A gentle average, so that the figure can be read; the log has the exact one.
            recentLoss = recentLoss.map { 0.9 * $0 + 0.1 * report.loss } ?? report.loss
        }
        guard
            report.elapsed - lastDrawn >= interval || report.step == report.totalSteps
                || report.elapsed < lastDrawn
        else { return }
        lastDrawn = report.elapsed
        draw(ProgressLine.bar(report, loss: recentLoss ?? report.loss, width: device.width()))
    }

    package func stepLogged(_ report: StepReport) {
        if !drawsBar { device.write(ProgressLine.plain(report) + "\n") }
    }

    package func evaluationFinished(_ report: EvaluationReport) {
        noted(ProgressLine.plain(report))
    }

    package func modelEvaluated(_ report: EvaluationReport) {
        noted(ProgressLine.model(report))
    }

    package func modelPredicted(_ file: PredictionFile, _ summary: PredictionSummary?) {
        if let summary { noted(ProgressLine.plain(summary)) }
    }

    /// Prints a line that stays, above the bar if there is one.
    package func noted(_ line: String) {
        guard let bar else {
            device.write(line + "\n")
            return
        }
        device.write("\r\u{1B}[K" + line + "\n" + bar)
    }

    package func runEnded(_ summary: RunSummary) {
        finish()
        noted(
            "done: \(summary.steps) steps in \(ReportText.duration(summary.runtime)), mean loss "
                + ReportText.fixed(summary.loss, 4))
    }

    /// Leaves the bar as it is and goes on below it; for a run that ends before its last step.
    package func finish() {
        guard bar != nil else { return }
        device.write("\n")
        bar = nil
    }

    /// One write a drawing, from the left margin over the old bar: nothing is blank in between.
    private func draw(_ line: String) {
        bar = line
        device.write("\r" + line + "\u{1B}[K")
    }
}

/// The lines of progress.
enum ProgressLine {
    /// Everything about a logged step in one line.
    static func plain(_ report: StepReport) -> String {
        var parts = [
            "step \(report.step)/\(report.totalSteps)",
            "loss \(ReportText.fixed(report.loss, 4))",
            "lr \(ReportText.short(report.learningRate))",
            "grad norm \(ReportText.short(report.gradNorm))",
            "epoch \(ReportText.fixed(report.epoch, 2))",
            "\(ReportText.count(report.tokensPerSecond)) tokens/s",
        ]
        if let mfu = report.mfu { parts.append("MFU \(ReportText.fixed(100 * mfu, 1)) %") }
        let seconds = report.seconds
        parts.append(
            "\(ReportText.fixed(report.stepSeconds, 3)) s/step (data "
                + "\(ReportText.fixed(seconds.data, 3)), forward "
                + "\(ReportText.fixed(seconds.forward, 3)), backward "
                + "\(ReportText.fixed(seconds.backward, 3)), wait "
                + "\(ReportText.fixed(seconds.wait, 3)), update "
                + "\(ReportText.fixed(seconds.update, 3)))")
        if report.peakMemoryBytes > 0 { parts.append(ReportText.memory(report.peakMemoryBytes)) }
        if let scale = report.lossScale { parts.append("scale \(ReportText.short(scale))") }
        if report.isSkipped { parts.append("skipped") }
        parts.append("\(ReportText.duration(report.remaining)) left")
        return parts.joined(separator: " | ")
    }

    /// An evaluation in one line.
    static func plain(_ report: EvaluationReport) -> String {
        "evaluation at step \(report.step)/\(report.totalSteps) | eval_loss "
            + "\(ReportText.fixed(report.loss, 4)) | " + figures(report.figures)
            + "\(report.samples) samples in "
            + "\(ReportText.fixed(report.runtime, 1)) s" + (report.isBest ? " | best so far" : "")
    }

    private static func figures(_ figures: [Figure]) -> String {
        figures.map { "eval_\($0.name) \(ReportText.fixed($0.value, 4)) | " }.joined()
    }

    /// The evaluation of the model that is kept.
    static func model(_ report: EvaluationReport) -> String {
        "evaluation of the model | eval_loss \(ReportText.fixed(report.loss, 4)) | "
            + figures(report.figures) + "\(report.samples) samples in "
            + "\(ReportText.fixed(report.runtime, 1)) s"
    }

    /// How good predictions are.
    static func plain(_ summary: PredictionSummary) -> String {
        "predictions | "
            + summary.figures.map {
                "predict_\($0.name) \(ReportText.fixed($0.value, 4)) | "
            }.joined()
            + "\(summary.samples) samples in \(ReportText.fixed(summary.runtime, 1)) s"
    }

    /// The bar, never wider than one column less than `width`, so that it never wraps.
    static func bar(_ report: StepReport, loss: Double, width: Int) -> String {
        let room = max(10, width - 1)
        let part =
            report.totalSteps > 0
            ? min(1, Double(report.step) / Double(report.totalSteps)) : 1
        let head = "\(Int(100 * part))% \(report.step)/\(report.totalSteps)"
        // In the order in which they are given up when the screen is narrow, last first.
        var figures = [
            "loss \(ReportText.fixed(loss, 3))",
            "\(ReportText.duration(report.remaining)) left",
            "\(ReportText.count(report.tokensPerSecond)) tok/s",
            "lr \(ReportText.short(report.learningRate))",
        ]
        if let mfu = report.mfu { figures.append("MFU \(ReportText.fixed(100 * mfu, 0))%") }
        let smallestBar = 8
        func text() -> String { ([head] + figures).joined(separator: " | ") }
        while !figures.isEmpty, text().count + 1 + smallestBar > room { figures.removeLast() }
        let free = room - text().count - 1
        guard free >= smallestBar else { return String(text().prefix(room)) }
        return blocks(part, width: min(40, free)) + " " + text()
    }

    private static func blocks(_ part: Double, width: Int) -> String {
        let halves = Int((part * Double(2 * width)).rounded(.down))
        let full = String(repeating: "━", count: halves / 2)
        guard halves < 2 * width else { return full }
        let rest = width - halves / 2 - 1
        return full + (halves % 2 == 1 ? "╸" : "─") + String(repeating: "─", count: rest)
    }
}
