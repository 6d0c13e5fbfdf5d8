/// Eight bytes at once, the first lowest.
enum ByteWord {
    private static let blanks: UInt64 = 0x2020_2020_2020_2020
    private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Eight bytes from `place` on; blanks stand for those from `end` on.
    @inline(__always)
    static func load(_ bytes: UnsafeRawBufferPointer, _ place: Int, _ end: Int) -> UInt64 {
        if place + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            return first(min(end - place, 8), of: UInt64(littleEndian: word))
        }
        var word: UInt64 = 0
        for index in stride(from: place + 7, through: place, by: -1) {
            word = word << 8 | UInt64(index < end ? bytes[index] : 0x20)
        }
        return word
    }

    /// The first `count` bytes of a word, and blanks.
    @inline(__always)
    static func first(_ count: Int, of word: UInt64) -> UInt64 {
        if count == 8 { return word }
        let mask = (1 as UInt64) << UInt64(count * 8) &- 1
        return word & mask | blanks & ~mask
    }

    /// A hash of `bytes[start..<end]`, of which the lower half is the better one.
    ///
    /// - Parameter head: the first eight of these bytes, as ``load(_:_:_:)`` gives them
    @inline(__always)
    static func hash(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int, head: UInt64
    ) -> Int {
        var hash = head &* factor
        var place = start + 8
        while place < end {
            hash = (hash ^ hash >> 29 ^ load(bytes, place, end)) &* factor
            place += 8
        }
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }

    /// Bytes before the first blank or line end of a word; 8 where there is none.
    ///
    /// Source: Mycroft's test for a zero byte, whose lowest finding is right.
    @inline(__always)
    static func chunkLength(_ word: UInt64) -> Int {
        let (ones, highs) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
        let (one, two) = (word ^ blanks, word ^ 0x0A0A_0A0A_0A0A_0A0A)
        let found = ((one &- ones) & ~one | (two &- ones) & ~two) & highs
        return found.trailingZeroBitCount >> 3
    }
}
