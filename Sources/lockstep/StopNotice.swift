import Foundation

/// What rank 0 says when SIGTERM comes by way of mpirun, whose manners are not the user's.
struct StopNotice: Sendable {
    private let isSpeaker: Bool

    init(_ environment: [String: String]) {
        isSpeaker =
            environment["OMPI_COMM_WORLD_RANK"] == "0" && Self.launchers.contains(Self.parentName())
    }

    /// Open MPI's processes that start ranks.
    private static let launchers: Set = [
        "mpirun", "mpiexec", "orterun", "orted", "prterun", "prted",
    ]

    /// Tells of a signal where there is something to tell.
    func tell(_ signal: Int32) {
        guard isSpeaker, signal == SIGTERM else { return }
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
