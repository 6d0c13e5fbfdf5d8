import Foundation

/// A fault that one rank commits on purpose, to test what the others do. From `fault_injection`.
package struct FaultInjection: Equatable, Sendable {
    /// What goes wrong.
    package enum Fault: String, CaseIterable, Sendable {
        /// The step never comes back; the process lives.
        case hang
        /// SIGKILL, as from the kernel's out-of-memory killer.
        case kill
        /// Exit status 0 without leaving MPI.
        case exit
        /// Every pass of the steps after that takes twice as long.
        case slow
    }

    package let fault: Fault
    package let rank: Int
    package let step: Int

    package init(fault: Fault, rank: Int, step: Int) {
        self.fault = fault
        self.rank = rank
        self.step = step
    }

    /// Reads `FAULT:RANK@STEP`, such as `kill:1@20`.
    /// - Throws: ``CommunicationError/invalidFault(text:)``.
    package init(parsing text: String) throws(CommunicationError) {
        let parts = text.split(separator: ":", maxSplits: 1)
        let place = parts.last.map { $0.split(separator: "@", maxSplits: 1) } ?? []
        guard parts.count == 2, place.count == 2, let fault = Fault(rawValue: String(parts[0])),
            let rank = Int(place[0]), rank >= 0, let step = Int(place[1]), step >= 0
        else { throw .invalidFault(text: text) }
        self.init(fault: fault, rank: rank, step: step)
    }

    /// Commits the fault if it is this rank's turn. Call it at the start of every step.
    package func strike(rank: Int, step: Int) {
        guard rank == self.rank, step == self.step else { return }
        switch fault {
        case .hang: while true { sleep(3600) }
        case .kill: kill(getpid(), SIGKILL)
        case .exit: _exit(0)
        // Passes of later steps wait as ``SlowedPasses`` says.
        case .slow: return
        }
    }

    /// Whether the passes of a rank's step take twice as long.
    package func slows(rank: Int, step: Int) -> Bool {
        fault == .slow && rank == self.rank && step > self.step
    }
}
