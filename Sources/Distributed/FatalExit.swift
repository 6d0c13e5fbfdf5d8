import Foundation

/// Ends the process so that the whole run ends, with one line that says why.
///
/// Under mpirun one rank that exits with another status than 0 makes it stop the others (SIGCONT,
/// SIGTERM, SIGKILL, a second apart) and return that status. Under srun this takes
/// `--kill-on-bad-exit=1`.
package enum FatalExit {
    /// The line: who, where, when, why, and what to do.
    package static func line(
        rank: Int, size: Int, host: String, step: Int?, cause: String, advice: String
    ) -> String {
        let place = size > 1 ? "rank \(rank) on \(host): " : ""
        let time = step.map { "step \($0): " } ?? ""
        let advice = advice.isEmpty ? "" : "; \(advice)"
        let text = "lockstep: \(place)\(time)\(cause)\(advice)"
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    /// Ends a run for a reason that only this rank knows. Prints, exits, and so takes the others along.
    package static func alone(
        _ communicator: any Communicator, step: Int?, cause: String, advice: String,
        status: ExitStatus = .failed
    ) -> Never {
        write(
            line(
                rank: communicator.rank, size: communicator.size, host: communicator.hostName,
                step: step, cause: cause, advice: advice))
        exitNow(status)
    }

    /// Ends a run for a reason that all ranks have come to together. Rank 0 prints `message`; every
    /// rank leaves MPI and exits with `status`.
    package static func together(
        _ communicator: any Communicator, message: String?, status: ExitStatus
    ) -> Never {
        if communicator.rank == 0, let message {
            write(
                line(rank: 0, size: 1, host: "", step: nil, cause: message, advice: ""))
        }
        if let communicator = communicator as? MPICommunicator {
            // A rank that never comes must not keep the others: after this, mpirun ends it.
            _ = communicator.close(within: 10)
        }
        exitNow(status)
    }

    /// Ends a run because of an error of this room, together or alone as the error demands.
    package static func end(
        _ communicator: any Communicator, error: CommunicationError, step: Int?
    ) -> Never {
        switch error {
        case .launch, .disagreement, .agreed, .treeNeedsPowerOfTwo, .invalidFault:
            together(communicator, message: error.description, status: error.exitStatus)
        case .mismatchedCollective:
            if communicator.rank == 0 {
                alone(communicator, step: step, cause: error.description, advice: "")
            }
            // Rank 0 has the same error and prints it; its exit ends this rank.
            sleep(10)
            exitNow(.failed)
        case .mpi, .system, .closed:
            alone(
                communicator, step: step, cause: error.description,
                advice: "then run again to resume from the last checkpoint")
        }
    }

    /// Ends a process that could not even start to communicate. One of N copies prints.
    package static func beforeStart(_ error: CommunicationError) -> Never {
        var isPrinting = true
        if case .launch(_, _, let launcherRank) = error { isPrinting = launcherRank == 0 }
        if isPrinting {
            write(
                line(
                    rank: 0, size: 1, host: "", step: nil, cause: error.description, advice: ""))
        }
        exitNow(error.exitStatus)
    }

    /// Writes one line to stderr in one piece, so that lines of several ranks do not mix.
    static func write(_ line: String) {
        FileHandle.standardError.write(Data((line + "\n").utf8))
    }

    /// Leaves without destructors: other threads may still be at work.
    static func exitNow(_ status: ExitStatus) -> Never {
        fflush(nil)
        _exit(status.rawValue)
    }
}
