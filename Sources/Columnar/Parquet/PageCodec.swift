import Files

/// How the pages of a column are packed (parquet.thrift: CompressionCodec).
enum PageCodec: Int {
    case none = 0
    case snappy = 1
    case gzip = 2
    case zstd = 6
    case lz4 = 7

    /// - Throws: ``ParquetProblem/unsupported(found:advice:)`` for brotli, LZO and the old LZ4 framing.
    init(code: Int) throws(ParquetProblem) {
        if let known = PageCodec(rawValue: code) {
            self = known
            return
        }
        let name = [3: "LZO", 4: "brotli", 5: "LZ4 in the framing of Hadoop"][code]
        throw .unsupported(
            found: "values packed with \(name ?? "codec \(code)")",
            advice: ParquetProblem.rewrite)
    }

    /// How many bytes one packed byte becomes at most, so that a forged size takes no memory.
    private var largestRatio: Int {
        switch self {
        case .none: 1
        case .snappy: 64
        case .lz4: 256
        case .gzip: 1100
        case .zstd: 70_000
        }
    }

    /// The `size` bytes that `packed` becomes; they lie in `buffer` unless they are not packed.
    func unpack(
        _ packed: ByteView, size: Int, _ buffer: PageBuffer
    ) throws(ParquetProblem) -> ByteView {
        if self == .none {
            guard packed.count == size else {
                throw .damaged("a page of \(packed.count) bytes, expected \(size)")
            }
            return packed
        }
        if size == 0 { return .empty }
        guard packed.count > 0, size / largestRatio <= packed.count else {
            throw .damaged("a page of \(size) bytes out of \(packed.count) packed ones")
        }
        let memory = buffer.reserve(size)
        var target = UnpackTarget(memory)
        let isWhole =
            switch self {
            case .none: false
            case .snappy: Snappy.unpack(packed, into: target)
            case .lz4: LZ4Block.unpack(packed, into: &target) && target.isFull
            case .gzip: Zlib.unpack(packed.raw, into: memory)
            case .zstd: Zstd.unpack(packed.raw, into: memory)
            }
        guard isWhole else { throw .damaged("a page that does not unpack with \(self)") }
        return buffer.view(size)
    }
}
