import Distributed
import Foundation
import Synchronization

/// What rank 0 says when SIGTERM comes by way of mpirun, whose manners are not the user's.
final class StopNotice: Sendable {
    private let isSpeaker: Bool
    private let heartbeat = Mutex<Heartbeat?>(nil)

    /// Open MPI's processes that start ranks.
    private static let launchers: Set = [
        "mpirun", "mpiexec", "orterun", "orted", "prterun", "prted",
    ]
    /// Seconds after which mpirun's own reason for a SIGTERM, a rank that is gone, is known here.
    private static let delay = 0.3

    /// - Parameter environment: of the process.
    init(_ environment: [String: String]) {
        isSpeaker =
            environment["OMPI_COMM_WORLD_RANK"] == "0" && Self.launchers.contains(Self.parentName())
    }

    /// Gives what knows of ranks that are gone: without it nothing is said.
    func watch(_ heartbeat: Heartbeat) { self.heartbeat.withLock { $0 = heartbeat } }

    /// Tells of a signal where there is something to tell.
    func tell(_ signal: Int32) {
        guard isSpeaker, signal == SIGTERM else { return }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.delay) { [self] in
            guard heartbeat.withLock({ $0?.isWhole }) == true else { return }
            Failure.say(
                "SIGTERM came: where it was sent to mpirun, that kills all ranks after a second "
                    + "and returns 1, whatever is being saved; to stop with a checkpoint and "
                    + "status 75, start mpirun by `lockstep launch mpirun …` or send SIGUSR1")
        }
    }

    private static func parentName() -> String {
        let name = try? String(contentsOfFile: "/proc/\(getppid())/comm", encoding: .utf8)
        return name?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }
}
