import ArgumentParser
import Distributed
import Foundation
import Training

/// `lockstep prepare FILE.yaml [key=value …]`
struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Turns text into shards of tokens, or conversations into examples; alone or "
            + "under mpirun.",
        discussion: "Reads dataset and eval_dataset, writes tokenized_path: with stage: pt shards, "
            + "with stage: sft encoded examples. Run again, it writes what is not there yet.")

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
                try StagePreparation(configuration, localRanks: communicator.localSize)
            }
            let meter = PreparationMeter(isShown: communicator.rank == 0)
            let lines = try preparation.run(over: communicator) { progress in
                pulse.enter(.loading, step: 0)
                meter.show(progress)
            }
            meter.end()
            // After the work: a mistake is told in one line.
            if communicator.rank == 0 { for line in lines { print(line) } }
            pulse.stop()
            Success.end(communicator)
        } catch {
            heartbeat?.stop(failed: true)
            Failure.end(communicator, error)
        }
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
    func show(_ progress: StagePreparation.Progress) {
        let (done, all) =
            switch progress {
            case .text(let bytes, let all, _): (bytes, all)
            case .rows(let rows, let all): (rows, all)
            }
        guard isShown, all > 0 else { return }
        let percent = 100 * done / all
        let step = isTerminal ? percent : percent / 10
        guard step != last else { return }
        last = step
        let seconds = max(Date().timeIntervalSince(start), 1e-3)
        let line =
            switch progress {
            case .text(let bytes, _, let tokens):
                "tokenizing \(percent) %, \(tokens) tokens, "
                    + String(format: "%.1f MB/s", Double(bytes) / 1e6 / seconds)
            case .rows(let rows, _):
                "encoding \(percent) %, "
                    + String(format: "%.0f rows/s", Double(rows) / seconds)
            }
        write(isTerminal ? "\r\u{1B}[K" + line : line + "\n")
    }

    func end() {
        if isShown, isTerminal { write("\n") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}
