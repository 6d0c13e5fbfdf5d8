/// The memory of a page that was unpacked: it grows to the largest page and is used again.
final class PageBuffer {
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { memory.deallocate() }

    /// `count` bytes to write into; what was there before is gone.
    func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if memory.count < count {
            memory.deallocate()
            memory = .allocate(byteCount: max(count, 1 << 12), alignment: 16)
        }
        return UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
    }

    /// Keeps the first `kept` bytes, puts `bytes` behind them and returns both.
    func replace(after kept: Int, with bytes: ByteView) -> ByteView {
        precondition(kept <= memory.count, "\(kept) bytes kept of \(memory.count)")
        let count = kept + bytes.count
        if memory.count < count {
            let larger = UnsafeMutableRawBufferPointer.allocate(
                byteCount: max(2 * count, 1 << 12), alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<kept]))
            memory.deallocate()
            memory = larger
        }
        UnsafeMutableRawBufferPointer(rebasing: memory[kept..<count]).copyMemory(from: bytes.raw)
        return view(count)
    }

    /// The first `count` bytes. Valid until more are reserved, and no longer than this object lives.
    func view(_ count: Int) -> ByteView {
        ByteView(UnsafeRawBufferPointer(rebasing: memory[..<min(count, memory.count)]))
    }
}
