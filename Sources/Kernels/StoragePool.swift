import Glibc
import Synchronization

/// Memory blocks kept for reuse: a steady step takes every block from here.
///
/// Safe to use from any thread.
package final class StoragePool: Sendable {
    private struct State: ~Copyable {
        var free: [Int: [UInt]] = [:]
        var systemAllocations = 0
        var bytesFromSystem = 0
        var freeBytes = 0
        /// The most that was in use at a time.
        var mostInUse = 0

        /// A free block, of the capacity or, among large ones, at most half as large again; else
        /// `nil`, and what there is beyond four thirds of what was ever in use is given up, largest
        /// first: shapes that change from step to step must not pile up blocks of every size, and a
        /// phase of small ones must not cost a run the large ones that the next needs again.
        mutating func take(
            _ capacity: Int
        ) -> (found: (block: UInt, capacity: Int)?, surplus: [(block: UInt, capacity: Int)]) {
            var size = free[capacity]?.isEmpty == false ? capacity : nil
            if size == nil, capacity >= 1 << 16 {
                let most = capacity + capacity / 2
                size = free.lazy.filter { capacity...most ~= $0.key && !$0.value.isEmpty }
                    .map(\.key).min()
            }
            if let size, let block = free[size]?.popLast() {
                freeBytes -= size
                mostInUse = max(mostInUse, bytesFromSystem - freeBytes)
                return ((block, size), [])
            }
            systemAllocations += 1
            bytesFromSystem += capacity
            mostInUse = max(mostInUse, bytesFromSystem - freeBytes)
            var surplus: [(block: UInt, capacity: Int)] = []
            while freeBytes > 64 << 20, bytesFromSystem > mostInUse + mostInUse / 3,
                let largest = free.lazy.filter({ !$0.value.isEmpty }).map(\.key).max(),
                let block = free[largest]?.popLast()
            {
                surplus.append((block, largest))
                freeBytes -= largest
                bytesFromSystem -= largest
            }
            return (nil, surplus)
        }

        mutating func giveBack(_ block: UInt, _ capacity: Int) {
            free[capacity, default: []].append(block)
            freeBytes += capacity
        }
    }

    private let state = Mutex(State())
    fileprivate let space: any MemorySpace

    package init(space: any MemorySpace = HostMemory()) { self.space = space }

    deinit {
        state.withLock { state in
            for (capacity, blocks) in state.free {
                for block in blocks { Self.release(block, capacity) }
            }
        }
    }

    /// How often memory was asked of the system since the start.
    package var systemAllocations: Int { state.withLock { $0.systemAllocations } }

    /// Bytes that came from the system, in use or free.
    package var bytesFromSystem: Int { state.withLock { $0.bytesFromSystem } }

    /// A block of at least `bytes` bytes, its content undefined.
    package func take(bytes: Int) -> Storage { takeBlock(bytes: bytes).storage }

    /// A block whose bytes are all zero. One that comes from the system is zero already, and its
    /// memory becomes the process's own only where it is written.
    package func takeZeros(bytes: Int) -> Storage {
        let (storage, isZero) = takeBlock(bytes: bytes)
        if !isZero { memset(storage.pointer, 0, bytes) }
        return storage
    }

    private func takeBlock(bytes: Int) -> (storage: Storage, isZero: Bool) {
        let capacity = Self.capacity(for: bytes)
        let (found, surplus) = state.withLock { $0.take(capacity) }
        for (block, capacity) in surplus { Self.release(block, capacity) }
        if let found, let pointer = UnsafeMutableRawPointer(bitPattern: found.block) {
            return (Storage(pointer: pointer, capacity: found.capacity, pool: self), false)
        }
        let storage = Storage(pointer: Self.allocate(capacity), capacity: capacity, pool: self)
        return (storage, capacity >= Self.mapped)
    }

    /// Gives free blocks back to the system.
    package func trim() {
        let free = state.withLock { state in
            let free = state.free
            state.bytesFromSystem -= state.free.reduce(0) { $0 + $1.key * $1.value.count }
            state.free = [:]
            state.freeBytes = 0
            state.mostInUse = state.bytesFromSystem
            return free
        }
        for (capacity, blocks) in free {
            for block in blocks { Self.release(block, capacity) }
        }
    }

    fileprivate func giveBack(_ pointer: UnsafeMutableRawPointer, capacity: Int) {
        state.withLock { $0.giveBack(UInt(bitPattern: pointer), capacity) }
    }

    /// Sizes grow in steps of an eighth, so that blocks of nearly equal shapes are shared.
    private static func capacity(for bytes: Int) -> Int {
        guard bytes > 4096 else { return 4096 }
        let step = 1 << max(12, Int.bitWidth - bytes.leadingZeroBitCount - 4)
        return (bytes + step - 1) / step * step
    }

    fileprivate static let hugePage = 2 << 20
    /// Blocks of so many bytes and more are mapped, in huge pages; the others come from the heap.
    fileprivate static let mapped = 2 * hugePage

    private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
        guard capacity >= mapped else {
            var pointer: UnsafeMutableRawPointer?
            guard posix_memalign(&pointer, 64, capacity) == 0, let pointer else {
                refused(capacity)
            }
            return pointer
        }
        let length = capacity + hugePage
        guard
            let start = mmap(
                nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            start != MAP_FAILED
        else { refused(capacity) }
        // What lies before and behind the block's own pages goes back.
        let before = (hugePage - Int(bitPattern: start) % hugePage) % hugePage
        let pointer = start + before
        if before > 0 { munmap(start, before) }
        if hugePage > before { munmap(pointer + capacity, hugePage - before) }
        madvise(pointer, capacity, MADV_HUGEPAGE)
        return pointer
    }

    private static func release(_ block: UInt, _ capacity: Int) {
        let pointer = UnsafeMutableRawPointer(bitPattern: block)
        if capacity >= mapped {
            munmap(pointer, capacity)
        } else {
            free(pointer)
        }
    }

    private static func refused(_ capacity: Int) -> Never {
        FatalLine.end(
            "lockstep: out of memory: the system refused ", bytes: capacity,
            advice: " bytes; take smaller batches or a shorter cutoff_len, or free memory\n")
    }
}

/// A block of memory; it returns to its pool when the last reference goes.
package final class Storage: @unchecked Sendable {
    package let pointer: UnsafeMutableRawPointer
    /// Bytes.
    package let capacity: Int
    private let pool: StoragePool

    fileprivate init(pointer: UnsafeMutableRawPointer, capacity: Int, pool: StoragePool) {
        self.pointer = pointer
        self.capacity = capacity
        self.pool = pool
    }

    deinit { pool.giveBack(pointer, capacity: capacity) }

    var space: any MemorySpace { pool.space }
}

/// Consecutive elements of one type inside a storage.
package struct Buffer {
    package private(set) var storage: Storage
    /// Elements before the first one.
    package let offset: Int
    package let type: ElementType

    package init(storage: Storage, offset: Int = 0, type: ElementType) {
        self.storage = storage
        self.offset = offset
        self.type = type
    }

    /// The buffer that starts `elements` later.
    package func advanced(by elements: Int) -> Buffer {
        Buffer(storage: storage, offset: offset + elements, type: type)
    }

    /// The same memory for elements of another type.
    package func reinterpreted(as other: ElementType) -> Buffer {
        precondition(
            offset * type.bytes % other.bytes == 0, "\(offset) elements of \(type) as \(other)")
        return Buffer(storage: storage, offset: offset * type.bytes / other.bytes, type: other)
    }

    /// Gives the memory of a range back to the system, as far as it is whole pages of a block that is
    /// mapped: it reads as zeros until it is written again.
    func forget(_ range: Range<Int>) {
        guard storage.capacity >= StoragePool.mapped else { return }
        let page = StoragePool.hugePage
        let start = Int(bitPattern: pointer) + range.lowerBound * type.bytes
        let first = (start + page - 1) / page * page
        let last = (start + range.count * type.bytes) / page * page
        guard first < last else { return }
        madvise(UnsafeMutableRawPointer(bitPattern: first), last - first, MADV_DONTNEED)
    }

    /// Whether no other buffer holds the storage.
    package mutating func isUniquelyHeld() -> Bool { isKnownUniquelyReferenced(&storage) }

    package var pointer: UnsafeMutableRawPointer {
        storage.pointer + offset * type.bytes
    }

    /// The elements as float32; the type must be float32.
    package var floats: UnsafeMutablePointer<Float> {
        precondition(type == .float32, "floats: the buffer holds \(type)")
        return pointer.assumingMemoryBound(to: Float.self)
    }
}
