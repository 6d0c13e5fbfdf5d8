private import CKernels
import Glibc
import Synchronization

/// The threads that divide one kernel's work inside a rank.
///
/// The caller works too, as part 0. Workers wait actively for a short while after each piece of
/// work, then sleep: a token's products follow one another within microseconds, and waking a thread
/// takes longer than most of them. One caller at a time.
package final class ThreadPool: @unchecked Sendable {
    /// Threads that work, the caller included.
    package let threads: Int

    private let generation = Atomic<Int>(0)
    private let remaining = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private var body: ((Int) -> Void)?
    private var stopping = false
    private var mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var workers: [pthread_t] = []
    /// Pauses before a worker sleeps, and before the caller lets others run (some 10 ns each).
    private static let workerSpins = 4000
    private static let callerSpins = 2000

    package init(threads: Int) {
        precondition(threads > 0, "a thread pool needs a thread, got \(threads)")
        self.threads = threads
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(wake, nil)
        for index in 1..<max(threads, 1) { workers.append(start(index)) }
    }

    /// Ends the workers. The pool keeps working afterwards, on the caller's thread alone.
    package func stop() {
        guard !workers.isEmpty else { return }
        stopping = true
        announce()
        for worker in workers { pthread_join(worker, nil) }
        workers = []
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(wake)
        mutex.deallocate()
        wake.deallocate()
    }

    /// Calls `body` once for each part 0..<threads, each on its own thread, and waits for all.
    package func forEachThread(_ body: (_ thread: Int) -> Void) {
        guard !workers.isEmpty else {
            for part in 0..<threads { body(part) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.body = body
            remaining.store(workers.count, ordering: .relaxed)
            announce()
            body(0)
            var spins = 0
            while remaining.load(ordering: .acquiring) > 0 {
                if spins < Self.callerSpins { lk_pause() } else { sched_yield() }
                spins += 1
            }
            self.body = nil
        }
    }

    /// Begins a generation. Workers that look for it see it by themselves; the mutex is taken only
    /// where one sleeps. Either this thread sees the sleeper or the sleeper the new generation: both
    /// write before they read, in one order for all threads.
    private func announce() {
        generation.add(1, ordering: .sequentiallyConsistent)
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
    }

    /// Divides 0..<count into at most one contiguous range a thread, none shorter than `least`
    /// (but for the last), with boundaries at multiples of `step`.
    package func divide(
        _ count: Int, atLeast least: Int = 1, step: Int = 1,
        _ body: (_ range: Range<Int>, _ thread: Int) -> Void
    ) {
        let parts = min(threads, max(1, count / max(least, 1)))
        guard parts > 1 else {
            if count > 0 { body(0..<count, 0) }
            return
        }
        let share = ((count + parts - 1) / parts + step - 1) / step * step
        forEachThread { part in
            let start = min(part * share, count)
            let end = min(start + share, count)
            if start < end { body(start..<end, part) }
        }
    }

    private func start(_ index: Int) -> pthread_t {
        let context = Unmanaged.passRetained(WorkerContext(pool: self, index: index))
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let context = Unmanaged<WorkerContext>.fromOpaque(argument).takeRetainedValue()
                context.pool.work(index: context.index)
                return nil
            }, context.toOpaque())
        precondition(status == 0, "pthread_create failed with status \(status)")
        return thread
    }

    private func work(index: Int) {
        var seen = 0
        while true {
            var spins = 0
            while generation.load(ordering: .acquiring) == seen, spins < Self.workerSpins {
                lk_pause()
                spins += 1
            }
            if generation.load(ordering: .acquiring) == seen { sleep(while: seen) }
            seen = generation.load(ordering: .acquiring)
            if stopping { return }
            runBody(index)
            remaining.subtract(1, ordering: .releasing)
        }
    }

    /// Sleeps until the generation is no longer `seen`.
    private func sleep(while seen: Int) {
        pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen {
            pthread_cond_wait(wake, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    /// Runs one part. A function of its own, never inlined, so that the reference to the body is
    /// gone before the caller learns that the part is done: the body must not outlive its call.
    @inline(never) private func runBody(_ index: Int) { body?(index) }
}

private final class WorkerContext {
    let pool: ThreadPool
    let index: Int

    init(pool: ThreadPool, index: Int) {
        self.pool = pool
        self.index = index
    }
}
