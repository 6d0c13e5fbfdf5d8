import Dispatch
import Glibc
import Synchronization

/// Whether the run has been asked to stop: by SIGUSR1, SIGTERM, or because its time is up.
///
/// A signal only sets a flag; the step packs it into its all-reduce, so that all ranks stop after
/// the same step.
package final class StopRequest: Sendable {
    private let flag = Atomic<Bool>(false)
    private let deadline: ContinuousClock.Instant?

    /// Begins to listen for the signals.
    /// - Parameter seconds: time after which the run asks itself to stop; `nil` means never.
    package init(afterSeconds seconds: Double?) {
        // A century is never; more would not fit into the clock's seconds.
        deadline = seconds.map { ContinuousClock.now + .seconds(min($0, 3e9)) }
    }

    /// Takes the signals over from their default actions.
    package func listen() {
        // A limit on the size of files is an error of the write, which the run tells and survives.
        signal(SIGXFSZ, SIG_IGN)
        for number in [SIGUSR1, SIGTERM] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler keeps its source, and so this object, for as long as the process lives.
            source.setEventHandler { [self] in
                flag.store(true, ordering: .relaxed)
                _ = source
            }
            source.resume()
        }
    }

    /// Whether this rank wants to stop.
    package var isSet: Bool {
        if flag.load(ordering: .relaxed) { return true }
        guard let deadline else { return false }
        return ContinuousClock.now >= deadline
    }
}
