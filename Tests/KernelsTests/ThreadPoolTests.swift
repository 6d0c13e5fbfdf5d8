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
