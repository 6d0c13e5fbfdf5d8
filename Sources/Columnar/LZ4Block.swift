/// Unpacks a block of LZ4 (lz4_Block_format.md): what frames have in them, and what Parquet calls LZ4_RAW.
enum LZ4Block {
    /// Unpacks `source` behind what `target` has already, which the block may repeat.
    ///
    /// - Returns: whether the source is well formed and `target` has room for all of it.
    static func unpack(_ source: ByteView, into target: inout UnpackTarget) -> Bool {
        var position = 0
        while position < source.count {
            let token = Int(source[position])
            position += 1
            guard let literals = length(token >> 4, source, &position),
                target.append(source, position, literals)
            else { return false }
            position += literals
            // The last sequence, and no other one, has literals only.
            guard position < source.count else { return true }
            guard position + 2 <= source.count else { return false }
            let distance = Int(source.load(position, UInt16.self))
            position += 2
            guard let more = length(token & 15, source, &position),
                target.repeats(distance, more + 4)
            else { return false }
        }
        return false
    }

    /// A length of four bits, to which bytes are added where all four are set.
    private static func length(
        _ bits: Int, _ source: ByteView, _ position: inout Int
    ) -> Int? {
        guard bits == 15 else { return bits }
        var length = bits
        while position < source.count {
            let byte = Int(source[position])
            position += 1
            length += byte
            if byte < 255 { return length }
        }
        return nil
    }
}
