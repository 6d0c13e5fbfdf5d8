/// Integers as differences in blocks (Encodings.md: DELTA_BINARY_PACKED), one at a time.
///
/// Sums wrap around, as the format wants it.
struct DeltaDecoder {
    private let bytes: ByteView
    private let miniblocks: Int
    private let perMiniblock: Int
    private(set) var left: Int
    private var value: Int64
    private var isFirst = true
    /// The next block, or the bodies of the one at hand.
    private var position: Int
    private var minimum: Int64 = 0
    /// Where the widths of the block at hand lie.
    private var widths = 0
    private var miniblock: Int
    private var leftInMiniblock = 0
    private var width = 0
    private var bit = 0

    /// Integers that `bytes` begins with.
    init(_ bytes: ByteView) throws(ParquetProblem) {
        self.bytes = bytes
        guard let (block, afterBlock) = bytes.varint(0),
            let (miniblocks, afterMiniblocks) = bytes.varint(afterBlock),
            let (total, afterTotal) = bytes.varint(afterMiniblocks),
            let (first, afterFirst) = bytes.varint(afterTotal)
        else { throw Self.cut }
        guard block > 0, block <= 1 << 24, miniblocks > 0, miniblocks <= block,
            block % (8 * miniblocks) == 0, total <= UInt64(Int32.max)
        else {
            throw .damaged(
                "blocks of \(block) differences in \(miniblocks) parts for \(total) integers")
        }
        self.miniblocks = Int(miniblocks)
        perMiniblock = Int(block / miniblocks)
        left = Int(total)
        value = Self.zigzag(first)
        position = afterFirst
        miniblock = self.miniblocks
    }

    mutating func next() throws(ParquetProblem) -> Int64 {
        guard left > 0 else { throw .damaged("fewer integers than values") }
        left -= 1
        if isFirst {
            isFirst = false
            return value
        }
        if leftInMiniblock == 0 { try beginMiniblock() }
        leftInMiniblock -= 1
        let difference = Int64(bitPattern: bytes.bits(at: bit, width: width))
        bit += width
        value = value &+ minimum &+ difference
        return value
    }

    /// Passes over all that are left; returns where the bytes behind the integers begin.
    func end() throws(ParquetProblem) -> Int {
        var copy = self
        if copy.isFirst, copy.left > 0 {
            copy.isFirst = false
            copy.left -= 1
        }
        copy.left -= min(copy.left, copy.leftInMiniblock)
        while copy.left > 0 {
            try copy.beginMiniblock()
            copy.left -= min(copy.left, perMiniblock)
        }
        return copy.position
    }

    private mutating func beginMiniblock() throws(ParquetProblem) {
        if miniblock == miniblocks {
            guard let (minimum, next) = bytes.varint(position), miniblocks <= bytes.count - next
            else { throw Self.cut }
            self.minimum = Self.zigzag(minimum)
            widths = next
            position = next + miniblocks
            miniblock = 0
        }
        width = Int(bytes[widths + miniblock])
        guard width <= 64 else { throw .damaged("differences of \(width) bits") }
        let size = perMiniblock / 8 * width
        guard size <= bytes.count - position else { throw Self.cut }
        bit = 8 * position
        position += size
        miniblock += 1
        leftInMiniblock = perMiniblock
    }

    private static func zigzag(_ number: UInt64) -> Int64 {
        Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    private static let cut = ParquetProblem.damaged("integers as differences are cut off")
}
