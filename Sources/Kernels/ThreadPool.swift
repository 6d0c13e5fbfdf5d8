import Glibc
import Synchronization

/// The threads that divide one kernel's work inside a rank.
///
/// The caller works too, as part 0. Workers wait actively for a short while after each piece of
/// work, then sleep. One caller at a time.
package final class ThreadPool: @unchecked Sendable {
    /// Threads that work, the caller included.
    package let threads: Int

    private let generation = Atomic<Int>(0)
    private let remaining = Atomic<Int>(0)
    private var body: ((Int) -> Void)?
    private var stopping = false
    private var mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var workers: [pthread_t] = []
    private static let spins = 20_000

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
        pthread_mutex_lock(mutex)
        stopping = true
        generation.add(1, ordering: .releasing)
        pthread_cond_broadcast(wake)
        pthread_mutex_unlock(mutex)
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
            pthread_mutex_lock(mutex)
            self.body = body
            remaining.store(workers.count, ordering: .relaxed)
            generation.add(1, ordering: .releasing)
            pthread_cond_broadcast(wake)
            pthread_mutex_unlock(mutex)
            body(0)
            while remaining.load(ordering: .acquiring) > 0 { sched_yield() }
            self.body = nil
        }
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
            while generation.load(ordering: .acquiring) == seen, spins < Self.spins {
                spins += 1
            }
            pthread_mutex_lock(mutex)
            while generation.load(ordering: .acquiring) == seen { pthread_cond_wait(wake, mutex) }
            seen = generation.load(ordering: .acquiring)
            let stopping = self.stopping
            pthread_mutex_unlock(mutex)
            if stopping { return }
            runBody(index)
            remaining.subtract(1, ordering: .releasing)
        }
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
