import Dispatch
import Glibc
import Synchronization

/// Whether the run has been asked to stop: by SIGUSR1, SIGTERM, SIGINT, or because its time is up.
///
/// A signal only sets a flag; the step packs it into its all-reduce, so that all ranks stop after
/// the same step. A step that would take long to finish is left at the next micro-batch.
package final class StopRequest: Sendable {
    private let flag = Atomic<Bool>(false)
    private let deadline: ContinuousClock.Instant?

    /// Seconds that a step may still take after a request: mpirun kills ranks a second after it got
    /// a SIGTERM, and a checkpoint is to be written in that time.
    static let patience = 0.3

    /// Begins to listen for the signals.
    /// - Parameter seconds: time after which the run asks itself to stop; `nil` means never.
    package init(afterSeconds seconds: Double?) {
        // A century is never; more would not fit into the clock's seconds.
        deadline = seconds.map { ContinuousClock.now + .seconds(min($0, 3e9)) }
    }

    /// Takes the signals over from their default actions. A second SIGINT ends the process.
    ///
    /// - Parameter notice: called with each signal that comes.
    package func listen(notice: @escaping @Sendable (Int32) -> Void = { _ in }) {
        // A limit on the size of files is an error of the write, which the run tells and survives.
        signal(SIGXFSZ, SIG_IGN)
        for number in [SIGUSR1, SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler keeps its source, and so this object, for as long as the process lives.
            source.setEventHandler { [self] in
                let isFirst = !flag.exchange(true, ordering: .relaxed)
                if number == SIGINT, !isFirst { _exit(128 + SIGINT) }
                notice(number)
                _ = source
            }
            source.resume()
        }
    }

    /// Asks the run to stop, as a signal does.
    package func request() { flag.store(true, ordering: .relaxed) }

    /// Whether a signal has come.
    package var isRequested: Bool { flag.load(ordering: .relaxed) }

    /// Whether this rank wants to stop.
    package var isSet: Bool { isRequested || isOverdue }

    /// Whether the run's time is up.
    private var isOverdue: Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }

    /// Whether a step is to be left unfinished now.
    ///
    /// - Parameters:
    ///   - done: of the step's micro-batches, and `total` of them.
    ///   - seconds: that those took.
    ///   - before: seconds that the step before took; 0 in a process's first step, which is not left
    ///     for want of time, so that every process gets on.
    package func leavesStep(
        done: Int, of total: Int, seconds: Double, before: Double
    ) -> Bool {
        guard isRequested || (isOverdue && before > 0) else { return false }
        return Self.remaining(done: done, of: total, seconds: seconds, before: before)
            > Self.patience
    }

    /// Seconds that a step will still take.
    package static func remaining(
        done: Int, of total: Int, seconds: Double, before: Double
    ) -> Double {
        done > 0 ? seconds / Double(done) * Double(total - done) : before
    }
}
