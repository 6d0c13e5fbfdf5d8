/// Small numbers as runs of equal ones and as groups of eight packed ones (Encodings.md: "Run Length Encoding /
/// Bit-Packing Hybrid"): levels, indices into a dictionary and booleans. One number at a time, so a long run
/// takes no memory.
struct HybridDecoder {
    private let bytes: ByteView
    private let width: Int
    private var position = 0
    /// Numbers left in the run at hand.
    private var left = 0
    private var isPacked = false
    private var value = 0
    /// Where the next packed number begins.
    private var bit = 0

    /// A decoder of zeros, which need no bytes.
    static var zeros: HybridDecoder { HybridDecoder() }

    private init() {
        bytes = .empty
        width = 0
    }

    /// - Parameter width: bits of a number, at most 32.
    init(_ bytes: ByteView, width: Int) throws(ParquetProblem) {
        guard (0...32).contains(width) else { throw .damaged("numbers of \(width) bits") }
        self.bytes = bytes
        self.width = width
    }

    @inline(__always)
    mutating func next() throws(ParquetProblem) -> Int {
        if width == 0 { return 0 }
        if left == 0 { try beginRun() }
        left -= 1
        guard isPacked else { return value }
        guard bit + width <= 8 * bytes.count else { throw Self.cut }
        defer { bit += width }
        return Int(bytes.bits(at: bit, width: width))
    }

    private mutating func beginRun() throws(ParquetProblem) {
        while left == 0 {
            guard let (head, next) = bytes.varint(position), head <= UInt64(UInt32.max) else {
                throw Self.cut
            }
            position = next
            isPacked = head & 1 == 1
            if isPacked {
                let groups = Int(head >> 1)
                left = 8 * groups
                bit = 8 * position
                // The last group may be cut: what is missing counts only where it is read.
                position = min(position + groups * width, bytes.count)
            } else {
                left = Int(head >> 1)
                let size = (width + 7) / 8
                guard position + size <= bytes.count else { throw Self.cut }
                value = Int(bytes.bits(at: 8 * position, width: 8 * size))
                position += size
            }
        }
    }

    private static let cut = ParquetProblem.damaged("fewer numbers than values")
}
