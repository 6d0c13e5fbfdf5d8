/// Bytes that lie somewhere else: in a mapped file or in a page's buffer, which outlives the view.
///
/// Every access is checked, in all configurations, so a mistake ends the program and reads nothing foreign.
package struct ByteView {
    private let start: UnsafeRawPointer?
    let count: Int

    static var empty: ByteView { ByteView(nil, 0) }

    package init(_ bytes: UnsafeRawBufferPointer) {
        start = bytes.baseAddress
        count = bytes.count
    }

    private init(_ start: UnsafeRawPointer?, _ count: Int) {
        self.start = start
        self.count = count
    }

    var raw: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    subscript(_ index: Int) -> UInt8 { load(index, UInt8.self) }

    /// The `length` bytes at `offset`, or nothing where the view does not reach so far.
    func part(_ offset: Int, _ length: Int) -> ByteView? {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
            return nil
        }
        return ByteView(start.map { $0 + offset }, length)
    }

    /// What is left from `offset` on, or nothing where the view does not reach so far.
    func from(_ offset: Int) -> ByteView? { part(offset, count - offset) }

    /// A little-endian number at `offset`.
    func load<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _: Number.Type) -> Number
    {
        let size = MemoryLayout<Number>.size
        guard let start, offset >= 0, size <= count, offset <= count - size else {
            preconditionFailure("\(size) bytes at \(offset) of \(count)")
        }
        return Number(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// The `width` bits from bit `position` on, least significant first; bits behind the end are zero.
    func bits(at position: Int, width: Int) -> UInt64 {
        guard width > 0 else { return 0 }
        let offset = position >> 3
        let shift = UInt64(position & 7)
        let mask = UInt64.max >> UInt64(64 - width)
        guard let start, offset + 9 <= count else { return slowBits(offset, shift) & mask }
        let low = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        guard Int(shift) + width > 64 else { return (low >> shift) & mask }
        let high = UInt64(start.load(fromByteOffset: offset + 8, as: UInt8.self))
        return (low >> shift | high << (64 - shift)) & mask
    }

    private func slowBits(_ offset: Int, _ shift: UInt64) -> UInt64 {
        var bits: UInt64 = 0
        for place in 0..<9 where offset + place < count {
            let byte = UInt64(self[offset + place])
            let position = 8 * place - Int(shift)
            bits |= position < 0 ? byte >> UInt64(-position) : byte << UInt64(position)
        }
        return bits
    }
}

extension [UInt8] {
    /// Appends a view's bytes.
    mutating func append(_ view: ByteView) { append(contentsOf: view.raw) }
}
