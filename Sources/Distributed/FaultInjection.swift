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
        /// Every step from then on takes twice as long.
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
    /// - Parameter lastStepSeconds: How long the step before took, for `slow`.
    package func strike(rank: Int, step: Int, lastStepSeconds: Double) {
        guard rank == self.rank else { return }
        switch fault {
        case .hang where step == self.step:
            while true { sleep(3600) }
        case .kill where step == self.step:
            kill(getpid(), SIGKILL)
        case .exit where step == self.step:
            _exit(0)
        case .slow where step > self.step && lastStepSeconds > 0:
            // The measured step before contains its own delay from the second slow step on.
            let delayed = step > self.step + 1
            Thread.sleep(forTimeInterval: delayed ? lastStepSeconds / 2 : lastStepSeconds)
        default:
            return
        }
    }
}
