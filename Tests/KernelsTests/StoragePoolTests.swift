import Foundation
import Kernels
import Testing

@Suite struct StoragePoolTests {
    @Test func returnedBlocksAreUsedAgain() {
        let pool = StoragePool()
        let first = pool.take(bytes: 100_000).pointer
        #expect(pool.systemAllocations == 1)
        let again = pool.take(bytes: 100_000)
        #expect(again.pointer == first)
        #expect(pool.systemAllocations == 1)
        let other = pool.take(bytes: 100_000)
        #expect(other.pointer != again.pointer)
        #expect(pool.systemAllocations == 2)
    }

    @Test func sizesWithinAnEighthShareBlocks() {
        let pool = StoragePool()
        let capacity = pool.take(bytes: 1_000_000).capacity
        #expect(capacity >= 1_000_000 && capacity <= 1_125_000)
        _ = pool.take(bytes: capacity)
        #expect(pool.systemAllocations == 1)
        _ = pool.take(bytes: capacity + 1)
        #expect(pool.systemAllocations == 2)
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 8191, 8192, 65_537, 3_000_000, 33_554_433])
    func capacityHoldsTheBytesAndLittleMore(bytes: Int) {
        let storage = StoragePool().take(bytes: bytes)
        #expect(storage.capacity >= bytes)
        #expect(storage.capacity <= max(bytes + bytes / 8, bytes + 4096))
        #expect(UInt(bitPattern: storage.pointer) % 64 == 0)
    }

    @Test func zerosAreZeroInUsedBlocks() {
        let pool = StoragePool()
        do {
            let storage = pool.take(bytes: 5000)
            memset(storage.pointer, 0xFF, 5000)
        }
        let zeros = pool.takeZeros(bytes: 5000)
        #expect(pool.systemAllocations == 1)
        let bytes = UnsafeRawBufferPointer(start: zeros.pointer, count: 5000)
        #expect(bytes.allSatisfy { $0 == 0 })
    }

    // Blocks of this size are mapped: the system gives them zeroed, the pool only once.
    @Test func largeZerosAreZeroNewAndUsed() {
        let (pool, bytes) = (StoragePool(), 20 << 20)
        for _ in 1...2 {
            let zeros = pool.takeZeros(bytes: bytes)
            #expect(UInt(bitPattern: zeros.pointer) % (2 << 20) == 0)
            let words = UnsafeRawBufferPointer(start: zeros.pointer, count: bytes)
                .bindMemory(to: UInt64.self)
            #expect(words.allSatisfy { $0 == 0 })
            memset(zeros.pointer, 0xFF, bytes)
        }
        #expect(pool.systemAllocations == 1)
        pool.trim()
        #expect(pool.bytesFromSystem == 0)
    }

    @Test func trimGivesFreeBlocksBackAndKeepsOthers() {
        let pool = StoragePool()
        let kept = pool.take(bytes: 10_000)
        _ = pool.take(bytes: 500_000)
        #expect(pool.bytesFromSystem > 500_000)
        pool.trim()
        #expect(pool.bytesFromSystem == kept.capacity)
        memset(kept.pointer, 1, 10_000)
    }

    // As steps of a policy are: what it writes is small, what it learns is large.
    @Test func phasesOfSmallBlocksCostNoLargeOnes() {
        let pool = StoragePool()
        for _ in 1...3 {
            do { _ = (0..<10).map { _ in pool.take(bytes: 32 << 20) } }
            _ = (1...20).map { pool.take(bytes: $0 << 18) }
        }
        #expect(pool.systemAllocations == 30)
    }

    @Test func blocksOfChangingSizesDoNotPileUp() {
        let pool = StoragePool()
        for megabytes in stride(from: 400, through: 20, by: -20) {
            _ = pool.take(bytes: megabytes << 20)
        }
        #expect(pool.bytesFromSystem <= 600 << 20)
    }

    @Test func bufferKeepsItsStorageFromReuse() {
        let workspace = Workspace(threads: 1)
        let view: Buffer
        do {
            let whole = workspace.buffer(1000, .float32)
            workspace.store([Float](repeating: 3, count: 1000), into: whole)
            view = whole.advanced(by: 990)
        }
        let other = workspace.buffer(1000, .float32)
        workspace.store([Float](repeating: 4, count: 1000), into: other)
        #expect(workspace.numbers(view, count: 10) == [Float](repeating: 3, count: 10))
    }

    // Four threads take, fill, check and return blocks of few sizes: a block given to two threads at
    // once would hold the other's bytes.
    @Test func threadsNeverShareABlock() async {
        let pool = StoragePool()
        let clashes = await withTaskGroup(of: Int.self) { group in
            for id in 1...4 {
                group.addTask {
                    var clashes = 0
                    for round in 0..<3000 {
                        let bytes = 4096 << (round % 3)
                        let (one, two) = (pool.take(bytes: bytes), pool.take(bytes: bytes))
                        memset(one.pointer, Int32(id), bytes)
                        memset(two.pointer, Int32(id + 100), bytes)
                        for (storage, value) in [(one, id), (two, id + 100)] {
                            let all = UnsafeRawBufferPointer(start: storage.pointer, count: bytes)
                            if all.first != UInt8(value) || all.last != UInt8(value) {
                                clashes += 1
                            }
                        }
                    }
                    return clashes
                }
            }
            return await group.reduce(0, +)
        }
        #expect(clashes == 0)
        // Never more than two blocks of each of three sizes a thread.
        #expect(pool.systemAllocations <= 4 * 2 * 3)
    }

    @Test(arguments: [1 << 46, 1 << 60])
    func refusedMemoryEndsWithALine(bytes: Int) async {
        let result = await #expect(
            processExitsWith: .exitCode(1), observing: [\.standardErrorContent]
        ) { [bytes] in
            _ = StoragePool().take(bytes: bytes)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("lockstep: out of memory: the system refused "))
        #expect(text.contains("\(bytes) bytes"))
    }
}
