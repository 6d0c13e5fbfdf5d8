/// What Arrow's buffers and their descriptions hold. Views live as long as their owner, which whoever holds them
/// keeps.
extension ByteView {
    /// The little-endian number at `offset`.
    ///
    /// - Throws: ``ArrowProblem/damaged(_:)`` where it does not lie within the bytes.
    func value<Number: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int, as type: Number.Type = Number.self
    ) throws(ArrowProblem) -> Number {
        let size = MemoryLayout<Number>.size
        guard offset >= 0, size <= count, offset <= count - size else {
            throw .damaged("an offset points outside of its message")
        }
        return load(offset, type)
    }

    /// The little-endian number `index` of a buffer whose size was checked when its column was made.
    func element<Number: FixedWidthInteger & BitwiseCopyable>(
        _ index: Int, as type: Number.Type = Number.self
    ) -> Number {
        load(index * MemoryLayout<Number>.size, type)
    }

    /// Whether bit `index`, counted from each byte's lowest, is set; the size was checked before.
    func bit(_ index: Int) -> Bool { self[index >> 3] & (1 << UInt8(index & 7)) != 0 }

    /// How many of the first `count` bits are set.
    func setBits(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count / 8 { sum += self[index].nonzeroBitCount }
        for index in count / 8 * 8..<count where bit(index) { sum += 1 }
        return sum
    }

    func elementsEqual(_ text: String, at offset: Int) -> Bool {
        part(offset, text.utf8.count)?.raw.elementsEqual(text.utf8) ?? false
    }
}
