/// Unpacks an LZ4 frame whose unpacked size is known (lz4_Frame_format.md 1.6.3).
///
/// Checksums are not compared: Arrow's writers put none behind the blocks.
enum LZ4Frame {
    /// Unpacks the one frame in `packed` into `target`.
    ///
    /// - Returns: whether it decodes and fills `target` to its last byte.
    static func unpack(_ packed: ByteView, into target: UnpackTarget) -> Bool {
        guard packed.count >= 7, packed.load(0, UInt32.self) == 0x184D_2204 else { return false }
        let flags = packed[4]
        // Version 1, no reserved bit, no dictionary.
        guard flags >> 6 == 1, flags & 0b11 == 0 else { return false }
        let checksBlocks = flags & 0x10 != 0
        let checksContent = flags & 0x04 != 0
        var target = target
        var place = 7 + (flags & 0x08 != 0 ? 8 : 0)
        while true {
            guard let size: UInt32 = try? packed.value(at: place) else { return false }
            place += 4
            if size == 0 { break }
            guard let block = packed.part(place, Int(size & 0x7FFF_FFFF)) else { return false }
            place += block.count + (checksBlocks ? 4 : 0)
            let isPacked = size >> 31 == 0
            guard
                isPacked
                    ? LZ4Block.unpack(block, into: &target) : target.append(block, 0, block.count)
            else { return false }
        }
        return target.isFull && place + (checksContent ? 4 : 0) == packed.count
    }
}
