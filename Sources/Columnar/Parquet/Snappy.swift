/// Unpacks Snappy's raw format (format_description.txt of google/snappy).
enum Snappy {
    /// Unpacks `source` into `target`.
    ///
    /// - Returns: whether the source is well formed and fills the target exactly.
    static func unpack(_ source: ByteView, into target: UnpackTarget) -> Bool {
        guard let (size, start) = source.varint(0), size == UInt64(target.size) else {
            return false
        }
        var target = target
        var position = start
        while position < source.count {
            let tag = Int(source[position])
            position += 1
            if tag & 3 == 0 {
                guard let length = literalLength(tag >> 2, source, &position),
                    target.append(source, position, length)
                else { return false }
                position += length
                continue
            }
            let extra = tag & 3 == 3 ? 4 : tag & 3
            guard extra <= source.count - position else { return false }
            let distance =
                extra == 1
                ? (tag >> 5) << 8 | Int(source[position])
                : Int(source.bits(at: 8 * position, width: 8 * extra))
            position += extra
            let length = extra == 1 ? (tag >> 2) & 7 + 4 : tag >> 2 + 1
            guard target.repeats(distance, length) else { return false }
        }
        return target.isFull
    }

    /// The bytes of a literal: the tag's six bits, or the one to four bytes that they announce.
    private static func literalLength(
        _ tag: Int, _ source: ByteView, _ position: inout Int
    ) -> Int? {
        guard tag >= 60 else { return tag + 1 }
        let extra = tag - 59
        guard extra <= source.count - position else { return nil }
        defer { position += extra }
        return Int(source.bits(at: 8 * position, width: 8 * extra)) + 1
    }
}
