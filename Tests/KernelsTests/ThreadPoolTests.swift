import Glibc
import Kernels
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
    @Test(arguments: [1, 2, 3, 5], [0, 1, 2, 15, 16, 17, 63, 64, 1000])
    func rangesCoverEveryIndexOnce(threads: Int, count: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        for least in [1, 7, 64, 5000] {
            for step in [1, 2, 16] {
                let parts = Mutex<[(range: Range<Int>, thread: Int)]>([])
                pool.divide(count, atLeast: least, step: step) { range, thread in
                    parts.withLock { $0.append((range, thread)) }
                }
                let sorted = parts.withLock { $0 }.sorted {
                    $0.range.lowerBound < $1.range.lowerBound
                }
                #expect(sorted.flatMap { Array($0.range) } == Array(0..<count))
                #expect(Set(sorted.map(\.thread)).count == sorted.count)
                #expect(sorted.allSatisfy { (0..<threads).contains($0.thread) })
                #expect(sorted.allSatisfy { $0.range.lowerBound % step == 0 })
                #expect(sorted.dropLast().allSatisfy { $0.range.count >= least })
            }
        }
    }

    @Test(arguments: [1, 2, 3])
    func everyPartRunsOnceOnItsOwnThread(threads: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        let ran = Mutex<[Int]>([])
        pool.forEachThread { part in ran.withLock { $0.append(part) } }
        #expect(ran.withLock { $0 }.sorted() == Array(0..<threads))
    }

    @Test(arguments: [1, 2, 4], [1, 2, 7, 100, 5000])
    func partsAreEachDoneOnceHoweverMany(threads: Int, count: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        for _ in 0..<20 {
            let done = Mutex<[Int]>([])
            pool.forEachPart(count) { part in done.withLock { $0.append(part) } }
            #expect(done.withLock { $0 }.sorted() == Array(0..<count))
            let shared = Mutex<[Range<Int>]>([])
            pool.share(count, atLeast: 3, step: 2) { range in shared.withLock { $0.append(range) } }
            let ranges = shared.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
            #expect(ranges.flatMap { Array($0) } == Array(0..<count))
        }
    }

    // More than a thread pool has numbers of parts for; what each thread begins with is longest.
    @Test(arguments: [1, 2, 3]) func longWorkIsSharedInFewRanges(threads: Int) {
        let pool = ThreadPool(threads: threads)
        defer { pool.stop() }
        let shared = Mutex<[Range<Int>]>([])
        pool.share(100_000, step: 16) { range in shared.withLock { $0.append(range) } }
        let ranges = shared.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == 100_000)
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(ranges.dropLast().allSatisfy { $0.upperBound % 16 == 0 })
        #expect(ranges.count == (threads == 1 ? 1 : 4 * threads))
        if let first = ranges.first, let last = ranges.last, threads > 1 {
            #expect(first.count > 7 * last.count)
        }
        #expect(pool.map(100_000) { $0 } == Array(0..<100_000))
    }

    // The caller does what no worker has begun, so work ends though no worker ever comes.
    @Test func aWorkerThatStaysAwayDelaysOnlyItsOwnPart() {
        let pool = ThreadPool(threads: 2)
        defer { pool.stop() }
        let isHeld = Atomic<Bool>(false)
        let rest = Counter()
        pool.forEachPart(50) { part in
            guard part > 0 else {
                // Part 0 is the caller's: it waits until the worker is inside another one.
                while !isHeld.load(ordering: .acquiring) { sched_yield() }
                return
            }
            if !isHeld.exchange(true, ordering: .acquiringAndReleasing) {
                while rest.value.load(ordering: .acquiring) < 48 { sched_yield() }
            } else {
                rest.value.add(1, ordering: .releasing)
            }
        }
        #expect(rest.value.load(ordering: .relaxed) == 48)
    }

    // Short pieces of work, one after the other: a worker that came late, ran twice or kept its body
    // would be seen. More threads than processors, so that workers are interrupted anywhere.
    @Test func manySmallPiecesAreAllDone() {
        let pool = ThreadPool(threads: 4)
        defer { pool.stop() }
        let counts = (0..<4).map { _ in Counter() }
        let rounds = 20_000
        for round in 0..<rounds {
            pool.forEachThread { part in counts[part].value.add(round, ordering: .relaxed) }
        }
        let expected = rounds * (rounds - 1) / 2
        for count in counts { #expect(count.value.load(ordering: .relaxed) == expected) }
    }

    @Test func writesOfWorkersAreSeenByTheCaller() {
        let pool = ThreadPool(threads: 3)
        defer { pool.stop() }
        var numbers = [Int](repeating: 0, count: 3000)
        for round in 1...200 {
            numbers.withUnsafeMutableBufferPointer { buffer in
                nonisolated(unsafe) let numbers = buffer
                pool.divide(3000) { range, _ in for index in range { numbers[index] += index } }
            }
            #expect(numbers[2999] == 2999 * round && numbers[1] == round)
        }
        #expect(numbers == (0..<3000).map { $0 * 200 })
    }

    @Test func stoppedPoolWorksOnTheCallersThread() {
        let pool = ThreadPool(threads: 3)
        pool.stop()
        pool.stop()
        var covered = 0
        pool.divide(100) { range, _ in covered += range.count }
        #expect(covered == 100)
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }
}
