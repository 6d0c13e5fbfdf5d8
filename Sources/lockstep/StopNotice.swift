import Distributed
import Foundation
import Synchronization

/// What rank 0 says when SIGTERM comes by way of mpirun, whose manners are not the user's.
final class StopNotice: Sendable {
    private struct State {
        var heartbeat: Heartbeat?
        /// Whether SIGTERM has come and nothing has been said of it.
        var isOwed = false
    }

    private let isSpeaker: Bool
    private let state = Mutex(State())

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
    func watch(_ heartbeat: Heartbeat) { state.withLock { $0.heartbeat = heartbeat } }

    /// Takes note of a signal, and tells of it after a moment.
    func tell(_ signal: Int32) {
        guard isSpeaker, signal == SIGTERM else { return }
        state.withLock { $0.isOwed = true }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.delay) { [self] in
            if state.withLock({ $0.heartbeat?.isWhole }) == true { tellOwed() }
        }
    }

    /// Tells what has not been told yet; call it before a good stop, which may be quicker.
    func tellOwed() {
        let isOwed = state.withLock { state in
            defer { state.isOwed = false }
            return state.isOwed
        }
        guard isOwed else { return }
        Failure.say(
            "SIGTERM came: where it was sent to mpirun, that kills all ranks after a second and "
                + "returns 1, whatever is being saved; to stop with a checkpoint and status 75, "
                + "start mpirun by `lockstep launch mpirun …` or send SIGUSR1")
    }

    private static func parentName() -> String {
        let name = try? String(contentsOfFile: "/proc/\(getppid())/comm", encoding: .utf8)
        return name?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }
}
