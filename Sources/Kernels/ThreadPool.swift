private import CKernels
import Glibc
import Synchronization

/// The threads that divide one kernel's work inside a rank.
///
/// Work comes in numbered parts. The caller does part 0 and then, like the workers, whatever part no
/// one has begun: a worker that the system has put aside delays nothing but the part it is in.
/// Workers wait actively for a short while after each piece of work, then sleep: a token's products
/// follow one another within microseconds, and waking a thread takes longer than most of them.
/// One caller at a time.
package final class ThreadPool: @unchecked Sendable {
    /// Threads that work, the caller included.
    package let threads: Int

    /// What is to be done, in one word, so that a part is taken from the work it was read of.
    private let ticket = Atomic<UInt64>(0)
    private let remaining = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private var body: ((Int) -> Void)?
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
        // A part belongs to no thread: where the system refuses one, the others do its parts.
        for _ in 1..<max(threads, 1) {
            guard let worker = start() else { break }
            workers.append(worker)
        }
    }

    /// Ends the workers. The pool keeps working afterwards, on the caller's thread alone.
    package func stop() {
        guard !workers.isEmpty else { return }
        stopping.store(true, ordering: .sequentiallyConsistent)
        wakeSleepers()
        for worker in workers { pthread_join(worker, nil) }
        workers = []
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(wake)
        mutex.deallocate()
        wake.deallocate()
    }

    /// Calls `body` once for each part 0..<threads and waits for all. No two run on one thread at a
    /// time, so a part's number may name memory of its own.
    package func forEachThread(_ body: (_ thread: Int) -> Void) { forEachPart(threads, body) }

    /// Calls `body` once for each part 0..<count, 1 ≤ count < 65 536, and waits for all.
    package func forEachPart(_ count: Int, _ body: (_ part: Int) -> Void) {
        precondition(count < 1 << 16, "a thread pool cannot divide work into \(count) parts")
        guard !workers.isEmpty, count > 1 else {
            for part in 0..<count { body(part) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.body = body
            remaining.store(count - 1, ordering: .relaxed)
            let work = (ticket.load(ordering: .relaxed) >> 32 &+ 1) << 32
            ticket.store(work | 1 << 16 | UInt64(count), ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 { wakeSleepers() }
            body(0)
            while let part = takePart() {
                body(part)
                remaining.subtract(1, ordering: .releasing)
            }
            var spins = 0
            while remaining.load(ordering: .acquiring) > 0 {
                if spins < Self.callerSpins { lk_pause() } else { sched_yield() }
                spins += 1
            }
            self.body = nil
        }
    }

    /// The next part that no one has begun; `nil` where there is none.
    private func takePart() -> Int? {
        var seen = ticket.load(ordering: .acquiring)
        while Self.hasParts(seen) {
            let (taken, current) = ticket.weakCompareExchange(
                expected: seen, desired: seen + 1 << 16, ordering: .acquiringAndReleasing)
            if taken { return Int(seen >> 16 & 0xffff) }
            seen = current
        }
        return nil
    }

    /// A ticket holds, from its highest bit, 32 bits of the work's number, 16 of the next part's and
    /// 16 of the count.
    private static func hasParts(_ ticket: UInt64) -> Bool {
        ticket >> 16 & 0xffff < ticket & 0xffff
    }

    /// Sleepers announce themselves before they look for work, and work is there before sleepers are
    /// looked for: in the one order of both, one side sees the other.
    private func wakeSleepers() {
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
        divide(count, into: parts, step: step, body)
    }

    /// Divides 0..<count into several ranges a thread, at least `least` long on average, with boundaries at
    /// multiples of `step`. Each thread's second is half as long as its first and so on, so that threads
    /// of unequal speed end together, and within a short range of one another.
    package func share(
        _ count: Int, atLeast least: Int = 1, step: Int = 1, _ body: (_ range: Range<Int>) -> Void
    ) {
        let parts = threads > 1 ? count / max(least, 1) : 1
        guard threads > 1, parts >= threads else {
            return divide(count, into: max(1, parts), step: step) { range, _ in body(range) }
        }
        let rounds = min(Self.mostRounds, parts / threads)
        // In the length of the last round's ranges.
        let all = threads * (1 << rounds - 1)
        func boundary(_ part: Int) -> Int {
            let (round, place) = part.quotientAndRemainder(dividingBy: threads)
            let before = threads * (1 << rounds - 1 << (rounds - round))
            let length = (1 << (rounds - round)) / 2
            let at = count * (before + place * length) / all
            return min((at + step - 1) / step * step, count)
        }
        forEachPart(rounds * threads) { part in
            let range = boundary(part)..<boundary(part + 1)
            if !range.isEmpty { body(range) }
        }
    }

    private static let mostRounds = 4

    /// What `body` gives for each of 0..<count, in their order.
    package func map<Result>(_ count: Int, _ body: (_ index: Int) -> Result) -> [Result] {
        [Result](unsafeUninitializedCapacity: count) { results, initialized in
            let results = results
            share(count) { range in
                for index in range { results.initializeElement(at: index, to: body(index)) }
            }
            initialized = count
        }
    }

    private func divide(
        _ count: Int, into parts: Int, step: Int,
        _ body: (_ range: Range<Int>, _ part: Int) -> Void
    ) {
        guard count > 0 else { return }
        let share = ((count + parts - 1) / parts + step - 1) / step * step
        forEachPart((count + share - 1) / share) { part in
            let start = part * share
            body(start..<min(start + share, count), part)
        }
    }

    /// A worker; `nil` where the system has no further thread for this process.
    private func start() -> pthread_t? {
        let context = Unmanaged.passRetained(self)
        var thread = pthread_t()
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadPool>.fromOpaque(argument).takeRetainedValue().work()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            return nil
        }
        return thread
    }

    private func work() {
        while !stopping.load(ordering: .acquiring) {
            while let part = takePart() {
                runBody(part)
                remaining.subtract(1, ordering: .releasing)
            }
            var spins = 0
            while !Self.hasParts(ticket.load(ordering: .acquiring)), spins < Self.workerSpins {
                lk_pause()
                spins += 1
            }
            if spins == Self.workerSpins { sleep() }
        }
    }

    /// Sleeps until there is work or the pool stops.
    private func sleep() {
        pthread_mutex_lock(mutex)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while !Self.hasParts(ticket.load(ordering: .sequentiallyConsistent)),
            !stopping.load(ordering: .sequentiallyConsistent)
        {
            pthread_cond_wait(wake, mutex)
        }
        sleepers.subtract(1, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(mutex)
    }

    /// Runs one part. A function of its own, never inlined, so that the reference to the body is
    /// gone before the caller learns that the part is done: the body must not outlive its call.
    @inline(never) private func runBody(_ index: Int) { body?(index) }
}
