import ArgumentParser
import Distributed
import Foundation
import Training

/// `lockstep train FILE.yaml [key=value …]`
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains as a YAML file says; alone or under mpirun.",
        discussion: "A run whose output_dir holds checkpoints goes on from the newest.")

    @Argument(help: "The YAML file.")
    var file: String

    @Argument(help: "Settings that win over the file's, as key=value.")
    var overrides: [String] = []

    @Option(help: "Save and stop with status 75 after this time: seconds, or H:MM:SS.")
    var maxTime: String?

    func run() throws {
        let communicator = Ranks.meet()
        let seconds = maxTime.map(Self.seconds)
        if let seconds, seconds == nil {
            FatalExit.together(
                communicator,
                message: "--max-time: found '\(maxTime ?? "")', expected seconds or H:MM:SS",
                status: .mistake)
        }
        let stop = StopRequest(afterSeconds: seconds ?? nil)
        stop.listen()
        do {
            let configuration = try ConfigurationFile.read(
                file, overrides: overrides, command: .train)
            let session = try TrainingSession(configuration, communicator: communicator)
            let observers = communicator.rank == 0 ? session.standardObservers() : []
            let run = try TrainingRun(session, observers: observers, stop: stop)
            Self.leave(communicator, try run.run())
        } catch {
            Failure.end(communicator, error)
        }
    }

    private static func leave(_ communicator: any Communicator, _ end: RunEnd) -> Never {
        switch end {
        case .finished: FatalExit.together(communicator, message: nil, status: .done)
        case .stopped(let step):
            FatalExit.together(
                communicator,
                message: "stopped on request after step \(step), the checkpoint is saved; "
                    + "run the same command again to go on", status: .stopped)
        }
    }

    /// Seconds of `90`, `1:30` or `0:01:30`; `nil` for anything else.
    static func seconds(_ text: String) -> Double? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Double($0) }
        guard parts.count <= 3, !parts.contains(nil) else { return nil }
        let seconds = parts.reduce(0) { $0 * 60 + ($1 ?? 0) }
        return seconds > 0 ? seconds : nil
    }
}
