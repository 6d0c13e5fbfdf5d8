import ArgumentParser
import Distributed
import Foundation
import TextData
import Training

/// `lockstep prepare FILE.yaml [key=value …]`
struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Turns text into shards of tokens; alone or under mpirun.",
        discussion: "Reads dataset, writes tokenized_path. Run again after an interruption, it "
            + "goes on where it was.")

    @Argument(help: "The YAML file.")
    var file: String

    @Argument(help: "Settings that win over the file's, as key=value.")
    var overrides: [String] = []

    func run() throws {
        let communicator = Ranks.meet()
        var heartbeat: Heartbeat?
        do throws(TrainingError) {
            let configuration = try ConfigurationFile.agreed(
                file, overrides: overrides, command: .prepare, over: communicator)
            let pulse = try Ranks.heartbeat(communicator, configuration)
            heartbeat = pulse
            pulse.enter(.loading, step: 0)
            let preparation = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try ShardPreparation(configuration, localRanks: communicator.localSize)
            }
            let meter = PreparationMeter(isShown: communicator.rank == 0)
            let done = try preparation.run(over: communicator) { progress in
                pulse.enter(.loading, step: 0)
                meter.show(progress)
            }
            meter.end()
            if let manifest = done.manifest {
                // After the work: a mistake is told in one line.
                for notice in preparation.notices { print(notice) }
                print(Self.summary(manifest, done.report, folder: preparation.folder))
            }
            pulse.stop()
            FatalExit.together(communicator, message: nil, status: .done)
        } catch {
            heartbeat?.stop(failed: true)
            Failure.end(communicator, error)
        }
    }

    private static func summary(
        _ manifest: CorpusManifest, _ report: PreparationReport, folder: String
    ) -> String {
        let skipped =
            report.unitsSkipped > 0 ? " (\(report.unitsSkipped) were there already)" : ""
        return "\(folder): \(manifest.totals.tokens) tokens of \(manifest.totals.documents) "
            + "documents in \(manifest.shards.count) shards\(skipped), "
            + String(format: "%.1f s", report.seconds)
    }
}

/// Progress of a preparation on stderr: a line redrawn on a terminal, a line each tenth elsewhere.
private final class PreparationMeter: @unchecked Sendable {
    private let isShown: Bool
    private let isTerminal = isatty(2) == 1
    private let start = Date()
    private var last = -1

    init(isShown: Bool) { self.isShown = isShown }

    /// Called by one thread at a time.
    func show(_ progress: PreparationProgress) {
        guard isShown, progress.bytesTotal > 0 else { return }
        let percent = 100 * progress.bytesDone / progress.bytesTotal
        let step = isTerminal ? percent : percent / 10
        guard step != last else { return }
        last = step
        let seconds = max(Date().timeIntervalSince(start), 1e-3)
        let rate = Double(progress.bytesDone) / 1e6 / seconds
        let line =
            "tokenizing \(percent) %, \(progress.tokens) tokens, "
            + String(format: "%.1f MB/s", rate)
        write(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }

    func end() {
        if isShown, isTerminal { write("\n") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
