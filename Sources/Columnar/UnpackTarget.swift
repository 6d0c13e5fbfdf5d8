/// Where an unpacker of the Lempel-Ziv kind writes: bytes of the source, and bytes that it wrote before.
///
/// Short pieces are copied 16 bytes at a time where there is room behind them; what is too much is
/// written over by the next piece.
struct UnpackTarget {
    private let memory: UnsafeMutableRawBufferPointer
    private var position = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    var size: Int { memory.count }
    var isFull: Bool { position == memory.count }

    /// Copies `length` bytes of `source` from `offset` on; returns whether both sides have as many.
    @inline(__always)
    mutating func append(_ source: ByteView, _ offset: Int, _ length: Int) -> Bool {
        guard length <= memory.count - position, offset >= 0, length <= source.count - offset,
            let target = memory.baseAddress, let start = source.raw.baseAddress
        else { return length == 0 }
        if length <= 16, memory.count - position >= 16, source.count - offset >= 16 {
            Self.copy16(start + offset, target + position)
        } else {
            (target + position).copyMemory(from: start + offset, byteCount: length)
        }
        position += length
        return true
    }

    /// Copies `length` bytes from `distance` bytes before the end; returns whether there are as many. They may
    /// overlap with what they make.
    @inline(__always)
    mutating func repeats(_ distance: Int, _ length: Int) -> Bool {
        guard distance > 0, distance <= position, length <= memory.count - position,
            let target = memory.baseAddress
        else { return false }
        var from = target + (position - distance)
        var to = target + position
        position += length
        if distance >= 16, memory.count - position >= 16 {
            var left = length
            while left > 0 {
                Self.copy16(from, to)
                from += 16
                to += 16
                left -= 16
            }
        } else {
            for offset in 0..<length {
                to.storeBytes(
                    of: from.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset,
                    as: UInt8.self)
            }
        }
        return true
    }

    @inline(__always)
    private static func copy16(_ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer) {
        let (low, high) = (
            from.loadUnaligned(as: UInt64.self),
            from.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        )
        to.storeBytes(of: low, as: UInt64.self)
        to.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
    }
}
