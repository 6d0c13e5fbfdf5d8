import Files

/// How a batch's buffers are packed (Message.fbs, table BodyCompression): each for itself, behind its size.
enum ArrowCompression {
    case lz4, zstandard

    /// - Throws: ``ArrowProblem``.
    init(_ table: FlatTable) throws(ArrowProblem) {
        let (codec, method): (Int8, Int8) = try (table.number(0), table.number(1))
        guard method == 0, codec == 0 || codec == 1 else {
            throw .damaged("has buffers packed in the unknown way \(codec)")
        }
        self = codec == 0 ? .lz4 : .zstandard
    }

    /// How many times as large as its packed form a buffer can be. LZ4 says at most 255 bytes with a
    /// byte; Zstandard a block of 128 KiB with four.
    private var mostExpansion: Int { self == .lz4 ? 255 : 1 << 15 }

    /// Unpacks a buffer.
    ///
    /// - Parameters:
    ///   - name: the column, for messages.
    ///   - unpacked: gets the owner of the bytes.
    /// - Throws: ``ArrowProblem/damaged(_:)``.
    func unpack(
        _ packed: ByteView, _ name: String, _ unpacked: inout [UnpackedBytes]
    ) throws(ArrowProblem) -> ByteView {
        let size: Int64 = try packed.value(at: 0)
        guard let content = packed.part(8, packed.count - 8) else { return .empty }
        // What would have become larger lies there as it is.
        if size == -1 { return content }
        guard size >= 0, size <= (content.count + 64) * mostExpansion else {
            throw .damaged(
                "column \(name) has \(content.count) packed bytes that are said to be \(size)")
        }
        let target = UnpackedBytes(count: Int(size))
        let isWhole =
            switch self {
            case .lz4: LZ4Frame.unpack(content, into: UnpackTarget(target.storage))
            case .zstandard: Zstd.unpack(content.raw, into: target.storage)
            }
        guard isWhole else {
            throw .damaged("column \(name) has a packed buffer that does not decode")
        }
        unpacked.append(target)
        return target.bytes
    }
}
