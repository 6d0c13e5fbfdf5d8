/// What can go wrong between ranks.
package enum CommunicationError: Error, Equatable, Sendable {
    /// An MPI call failed on this rank.
    case mpi(call: String, message: String, rank: Int, host: String)
    /// The launcher and MPI disagree about how many ranks there are, or which one this is.
    case launch(problem: String, advice: String, launcherRank: Int)
    /// Ranks asked for different collectives at the same place.
    case mismatchedCollective(calls: String)
    /// Ranks were started with different programs, configurations or model layouts.
    case disagreement(what: String, ranks: String)
    /// A mistake found on at least one rank, thrown by all of them.
    case agreed(message: String, rank: Int, host: String)
    /// A sum in tree order needs a power-of-two number of ranks.
    case treeNeedsPowerOfTwo(ranks: Int)
    /// The text of `fault_injection` does not parse.
    case invalidFault(text: String)
    /// A system call of the heartbeat failed.
    case system(call: String, code: Int32, purpose: String)
    /// The communicator was used after `close()`.
    case closed(call: String)
}

extension CommunicationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .mpi(let call, let message, let rank, let host):
            "\(call) failed on rank \(rank) (\(host)): \(message); check the links with "
                + "`lockstep doctor` under the same mpirun line"
        case .launch(let problem, let advice, _):
            "\(problem); \(advice)"
        case .mismatchedCollective(let calls):
            "ranks do not make the same call: \(calls); start every rank with the same binary "
                + "and configuration"
        case .disagreement(let what, let ranks):
            "ranks differ in \(what): \(ranks); start every rank with the same binary and "
                + "configuration"
        case .agreed(let message, let rank, let host):
            "\(message) (found by rank \(rank) on \(host))"
        case .treeNeedsPowerOfTwo(let ranks):
            "deterministic: true needs 1, 2, 4, 8, … ranks, but this run has \(ranks); change "
                + "the number of ranks or set deterministic: false"
        case .invalidFault(let text):
            "fault_injection: found '\(text)', expected hang, kill, exit or slow, then "
                + ":RANK@STEP, such as kill:1@20"
        case .system(let call, let code, let purpose):
            "\(call) failed with system error \(code) while \(purpose); check the network "
                + "interfaces and limits of this host"
        case .closed(let call):
            "\(call) after the communicator was closed"
        }
    }
}

extension CommunicationError {
    /// The exit status of a run that ends with this error.
    package var exitStatus: ExitStatus {
        switch self {
        case .launch, .disagreement, .agreed, .treeNeedsPowerOfTwo, .invalidFault: .mistake
        case .mpi, .mismatchedCollective, .system, .closed: .failed
        }
    }
}

/// The exit statuses of `lockstep`, as users' scripts know them.
package enum ExitStatus: Int32, Equatable, Sendable {
    /// The work is done.
    case done = 0
    /// The run failed: a peer lost, disk full, diverged.
    case failed = 1
    /// A mistake in configuration, data or launch, said before anything was written.
    case mistake = 2
    /// Stopped on request with a checkpoint saved; run again to go on.
    case stopped = 75
}
