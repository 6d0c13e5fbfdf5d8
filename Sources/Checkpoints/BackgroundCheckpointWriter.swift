import Foundation
import Synchronization

/// How one save went.
package struct SaveResult: Sendable {
    package var step: Int
    /// Seconds from submission to the end of the save.
    package var seconds: Double
    /// Steps that were removed to keep the limit.
    package var pruned: [Int]
    /// What stopped the save itself; the checkpoint is then not there.
    package var error: CheckpointError?
    /// What stopped the removal of old checkpoints; the new one is there.
    package var pruneError: CheckpointError?
}

/// Saves checkpoints on one thread of its own while training goes on.
///
/// The thread waits for a state, writes it, removes old checkpoints, and waits again. At most one
/// state is in its hands: ``submit(step:retention:write:)`` waits while the previous save is unfinished, so
/// a slow disk slows the run rather than filling memory. Call ``finish()`` before the process ends;
/// dropping the last reference also waits.
package final class BackgroundCheckpointWriter: Sendable {
    /// What runs on the thread, and what it found.
    private struct Shared {
        var job: (@Sendable () -> SaveResult)?
        var results: [SaveResult] = []
        var consecutiveFailures = 0
    }

    /// The mailbox outlives the writer until the thread has ended.
    private final class Mailbox: Sendable {
        let shared = Mutex(Shared())
        /// Counts 1 while no save is under way.
        let idle = DispatchSemaphore(value: 1)
        /// Counts what the thread has been given: a job, or none, which ends it.
        let work = DispatchSemaphore(value: 0)

        func run(givingWay: Bool) {
            if givingWay { BackgroundCheckpointWriter.giveWay() }
            while true {
                work.wait()
                // The job, and the memory of what it writes, is gone before the store is idle.
                guard let result = shared.withLock({ $0.job.take() })?() else { return }
                shared.withLock {
                    $0.consecutiveFailures = result.error == nil ? 0 : $0.consecutiveFailures + 1
                    $0.results.append(result)
                }
                idle.signal()
            }
        }
    }

    /// Takes the calling thread's processor from the step as little as the system can: some 3 %, where
    /// ranks use all of them, until someone waits for this thread. (On Linux it is a thread's own.)
    private static func giveWay() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
    }

    private let store: any CheckpointStore
    private let mailbox = Mailbox()

    /// Starts the thread.
    /// - Parameter givingWay: whether it leaves the processor to the step, as long as there is one.
    package init(store: any CheckpointStore, givingWay: Bool = true) {
        self.store = store
        let mailbox = mailbox
        let thread = Thread { mailbox.run(givingWay: givingWay) }
        thread.name = "checkpoint"
        thread.start()
    }

    deinit {
        mailbox.idle.wait()
        mailbox.work.signal()
        mailbox.idle.signal()
    }

    /// Runs `write`, which writes the checkpoint of `step` to this writer's store, in the
    /// background, then removes what `retention` no longer wants.
    ///
    /// Waits until the previous save has ended.
    package func submit(
        step: Int, retention: Retention? = nil,
        write: @escaping @Sendable () throws(CheckpointError) -> Void
    ) {
        mailbox.idle.wait()
        let store = store
        let start = ContinuousClock.now
        mailbox.shared.withLock {
            $0.job = {
                var result = SaveResult(step: step, seconds: 0, pruned: [])
                do throws(CheckpointError) {
                    try write()
                } catch {
                    result.error = error
                }
                if let retention, result.error == nil {
                    do throws(CheckpointError) {
                        result.pruned = try store.prune(retention)
                    } catch {
                        result.pruneError = error
                    }
                }
                result.seconds = (ContinuousClock.now - start) / .seconds(1)
                return result
            }
        }
        mailbox.work.signal()
    }

    /// Waits until nothing is being saved.
    package func finish() {
        mailbox.idle.wait()
        mailbox.idle.signal()
    }

    /// The results since the last call, in order.
    package func takeResults() -> [SaveResult] {
        mailbox.shared.withLock { shared in
            defer { shared.results = [] }
            return shared.results
        }
    }

    /// Saves that have failed since the last that succeeded. A run that cannot save twice stops.
    package var consecutiveFailures: Int {
        mailbox.shared.withLock { $0.consecutiveFailures }
    }
}
