package import Configuration
import Files
package import Foundation

/// An event file for TensorBoard: curves under the names of Hugging Face's Trainer, and the configuration.
///
/// Each process writes a file of its own, so nothing that an earlier one wrote is touched; where a run goes
/// on, TensorBoard is told which points it makes anew.
package final class TensorBoardLog: TrainingObserver {
    private let folder: String
    private let host: String
    private let configurationText: String
    private let settings: [JSONValue.Member]
    private let now: () -> Date
    private var file: FileHandle?
    private var path = ""
    /// Bytes of the file up to the end of its last whole record.
    private var length: UInt64 = 0

    /// - Parameters:
    ///   - folder: `logging_dir`; made with the first event.
    ///   - host: this machine's name, which is part of the file's.
    package init(
        folder: String, host: String, configuration: RunConfiguration,
        now: @escaping () -> Date = { Date() }
    ) {
        self.folder = folder
        self.host = host
        self.now = now
        configurationText = configuration.resolvedText
        settings = configuration.resolvedValues
    }

    /// Hugging Face's `logging_dir` where none is given: `runs/Nov29_13-22-48_host` of `output_dir`, in local
    /// time.
    package static func standardFolder(
        of outputDir: String, host: String, at date: Date, in zone: TimeZone = .current
    ) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = zone
        formatter.dateFormat = "MMMdd_HH-mm-ss"
        return "\(outputDir)/runs/\(formatter.string(from: date))_\(host)"
    }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        let time = seconds
        try append([
            .sessionStart(step: step + 1, time: time),
            .text(
                "```yaml\n\(configurationText)```\n", tag: "args", time: time),
            .experiment(settings, metrics: ["train/loss", "eval/loss"], time: time),
            .settings(settings, time: time),
        ])
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) {
        var values = [
            ("loss", report.loss), ("grad_norm", report.gradNorm),
            ("learning_rate", report.learningRate), ("epoch", report.epoch),
        ]
        values += report.figures.map { ($0.name, $0.value) }
        values += [
            ("tokens_per_second", report.tokensPerSecond),
            ("num_input_tokens_seen", Double(report.totalTokens)),
            ("step_seconds", report.stepSeconds),
            ("peak_memory_bytes", Double(report.peakMemoryBytes)),
        ]
        if let scale = report.lossScale { values.append(("loss_scale", scale)) }
        if let energy = report.energyJoules { values.append(("energy_joules", energy)) }
        try append(values, part: "train", step: report.step)
    }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        let runtime = max(report.runtime, 1e-9)
        let values =
            [("loss", report.loss)] + report.figures.map { ($0.name, $0.value) } + [
                ("runtime", report.runtime),
                ("samples_per_second", Double(report.samples) / runtime),
                ("steps_per_second", Double(report.batches) / runtime),
            ]
        try append(values, part: "eval", step: report.step)
    }

    package func runEnded(_ summary: RunSummary) throws(ReportError) {
        let runtime = max(summary.runtime, 1e-9)
        try append(
            [
                ("train_loss", summary.loss), ("train_runtime", summary.runtime),
                ("train_samples_per_second", Double(summary.samples) / runtime),
                ("train_steps_per_second", Double(summary.steps) / runtime),
                ("total_flos", summary.totalFLOPs),
            ], part: "train", step: summary.step)
        try append([.end(time: seconds)])
    }

    private var seconds: Double { now().timeIntervalSince1970 }

    private func append(
        _ values: [(String, Double)], part: String, step: Int
    ) throws(ReportError) {
        let named = values.map { (tag: "\(part)/\($0.0)", value: $0.1) }
        try append([.scalars(named, step: step, time: seconds)])
    }

    /// Writes whole records, or none: what a failed write left is cut off, so that those that follow can
    /// be read.
    private func append(_ events: [TensorBoardEvent]) throws(ReportError) {
        let file = try opened()
        let bytes = events.reduce(into: Data()) { $0.append(EventRecord.bytes(of: $1.data)) }
        do {
            try file.write(contentsOf: bytes)
            length += UInt64(bytes.count)
        } catch {
            try? file.truncate(atOffset: length)
            throw .write(file: path, reason: ReportFile.reason(error))
        }
    }

    /// The file, made where there is none yet.
    private func opened() throws(ReportError) -> FileHandle {
        if let file { return file }
        let time = seconds
        path =
            "\(folder)/events.out.tfevents.\(Int(time)).\(host)."
            + "\(ProcessInfo.processInfo.processIdentifier).0"
        let first = EventRecord.bytes(of: TensorBoardEvent.version(time: time).data)
        try ReportFile.write(first, to: path)
        guard let made = FileHandle(forWritingAtPath: path) else {
            throw .write(file: path, reason: String(cString: strerror(errno)))
        }
        length = made.seekToEndOfFile()
        file = made
        return made
    }
}
