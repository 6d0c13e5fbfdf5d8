/// Where a pool's blocks lie, for the rooms above Kernels that move bytes: between ranks, into
/// checkpoints. They reach them by a ``HostView`` alone, so that a second device needs its kernels and
/// one of these.
package protocol MemorySpace: Sendable {
    /// Memory of the host that holds the same bytes.
    func lend(_ bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer
    /// Puts back what the host has written into what was lent.
    func put(_ lent: UnsafeMutableRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer)
    /// Ends a loan.
    func release(_ lent: UnsafeMutableRawBufferPointer)
    /// Whether what is lent is the memory itself, whose address other processes of the host may read.
    var isHosts: Bool { get }
}

/// The memory of the process.
package struct HostMemory: MemorySpace {
    package init() {}
    package var isHosts: Bool { true }
    package func lend(_ bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        bytes
    }
    package func put(
        _ lent: UnsafeMutableRawBufferPointer, into bytes: UnsafeMutableRawBufferPointer
    ) {}
    package func release(_ lent: UnsafeMutableRawBufferPointer) {}
}

/// What the host sees of a range of a buffer, as words of four bytes, until it is given up.
package final class HostView {
    /// The bytes when the view was made; of two-byte elements a word has two.
    package let words: UnsafeMutableBufferPointer<Float>
    private let buffer: Buffer
    private let bytes: UnsafeMutableRawBufferPointer
    private let lent: UnsafeMutableRawBufferPointer

    fileprivate init(_ buffer: Buffer, _ range: Range<Int>) {
        let start = (buffer.offset + range.lowerBound) * buffer.type.bytes
        let count = range.count * buffer.type.bytes
        precondition(
            start % 4 == 0 && count % 4 == 0,
            "a view of elements \(buffer.offset) + \(range) of \(buffer.type)")
        self.buffer = buffer
        bytes = UnsafeMutableRawBufferPointer(start: buffer.storage.pointer + start, count: count)
        lent = buffer.storage.space.lend(bytes)
        words = lent.assumingMemoryBound(to: Float.self)
    }

    deinit { buffer.storage.space.release(lent) }

    /// Puts what the host has written into the buffer.
    package func commit() { buffer.storage.space.put(lent, into: bytes) }
}

extension Buffer {
    /// The bytes of a range for the host; of two-byte elements a range begins and ends at even ones.
    package func hostView(_ range: Range<Int>) -> HostView { HostView(self, range) }

    /// Where other processes of the host find it; `nil` where they do not.
    package var hostAddress: Int? {
        storage.space.isHosts ? Int(bitPattern: pointer) : nil
    }

    /// Whether both begin at the same place.
    package func begins(where other: Buffer) -> Bool { pointer == other.pointer }
}
