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
        let seconds = maxTime.map(Self.seconds)
        let stop = StopRequest(afterSeconds: seconds ?? nil)
        // MPI takes a while to start, and a signal must not end it there.
        let notice = StopNotice(ProcessInfo.processInfo.environment)
        stop.listen(notice: notice.tell)
        let communicator = Ranks.meet()
        if let seconds, seconds == nil {
            FatalExit.together(
                communicator,
                message: "--max-time: found '\(maxTime ?? "")', expected seconds or H:MM:SS",
                status: .mistake)
        }
        var heartbeat: Heartbeat?
        do throws(TrainingError) {
            let configuration = try ConfigurationFile.agreed(
                file, overrides: overrides, command: .train, over: communicator)
            let pulse = try Ranks.heartbeat(communicator, configuration)
            heartbeat = pulse
            notice.watch(pulse)
            let session = try TrainingSession(
                configuration, communicator: communicator, heartbeat: pulse,
                readYAML: TaskFileReading.read)
            let observers = communicator.rank == 0 ? session.standardObservers() : []
            let run = try TrainingRun(session, observers: observers, stop: stop)
            let end = try run.run()
            if case .stopped = end { notice.tellOwed() }
            Self.leave(communicator, end, advice: configuration.output.adviceToGoOn)
        } catch {
            heartbeat?.stop(failed: true)
            Failure.end(communicator, error)
        }
    }

    private static func leave(
        _ communicator: any Communicator, _ end: RunEnd, advice: String
    ) -> Never {
        switch end {
        case .finished: FatalExit.together(communicator, message: nil, status: .done)
        case .stopped(let step, let isUnfinished, let saved):
            FatalExit.together(
                communicator, message: line(step, isUnfinished, saved, advice),
                status: saved == .none ? .failed : .stopped)
        }
    }

    private static func line(
        _ step: Int, _ isUnfinished: Bool, _ saved: RunEnd.Saved, _ advice: String
    ) -> String {
        let next = isUnfinished ? " and before the end of step \(step + 1)" : ""
        switch saved {
        case .checkpoint:
            return "stopped on request after step \(step)\(next), the checkpoint is saved; "
                + advice
        case .nothingToSave:
            return "stopped on request before the end of the first step; run the same command "
                + "again to begin"
        case .predictions(let count):
            return "stopped on request before the model was tried to the end"
                + (count > 0 ? ", with \(count) predictions written" : "")
                + "; run the same command again to try it anew, from the first row on"
        case .none:
            return "stopped on request after step \(step)\(next); save_strategy: no keeps no "
                + "checkpoint, so a new run begins at step 0"
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
