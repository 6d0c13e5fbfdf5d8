/// What a Parquet file says of itself at its end (parquet.thrift: FileMetaData).
struct ParquetFooter {
    /// The values of one column in one row group.
    struct Chunk {
        var physical: SchemaElement.Physical?
        var path: [String] = []
        var codec = 0
        var values = 0
        var compressedBytes = 0
        var dataOffset = 0
        var dictionaryOffset = 0

        /// Where its pages begin.
        var start: Int {
            dictionaryOffset > 0 ? min(dictionaryOffset, dataOffset) : dataOffset
        }
    }

    struct RowGroup {
        var rows = 0
        var chunks: [Chunk] = []

        /// The first byte of its pages.
        var start: Int { chunks.map(\.start).min() ?? 0 }
    }

    private(set) var schema: [SchemaElement] = []
    private(set) var rows = 0
    private(set) var groups: [RowGroup] = []

    private static let magic: UInt32 = 0x3152_4150  // "PAR1"
    private static let encryptedMagic: UInt32 = 0x4552_4150  // "PARE"

    static let withoutEncryption = "write it without encryption"

    /// Reads the footer of the file that `bytes` is.
    init(_ bytes: ByteView) throws(ParquetProblem) {
        guard bytes.count >= 12 else {
            throw .damaged("\(bytes.count) bytes, at least 12 expected")
        }
        guard bytes.load(0, UInt32.self) == Self.magic else {
            guard bytes.load(0, UInt32.self) != Self.encryptedMagic else { throw Self.encrypted }
            throw .damaged("does not begin with PAR1")
        }
        let ending = bytes.load(bytes.count - 4, UInt32.self)
        guard ending != Self.encryptedMagic else { throw Self.encrypted }
        guard ending == Self.magic else { throw .damaged("does not end with PAR1 (cut off?)") }
        let length = Int(bytes.load(bytes.count - 8, UInt32.self))
        guard length <= bytes.count - 12,
            let footer = bytes.part(bytes.count - 8 - length, length)
        else { throw .damaged("a footer of \(length) bytes in a file of \(bytes.count) bytes") }
        var reader = ThriftReader(footer)
        try read(&reader)
        try check(bytes.count - 8 - length)
    }

    private static let encrypted = ParquetProblem.unsupported(
        found: "an encrypted footer (PARE)", advice: withoutEncryption)

    private mutating func read(_ reader: inout ThriftReader) throws(ParquetProblem) {
        try reader.fields { (reader, number) throws(ParquetProblem) in
            switch number {
            case 2:
                try reader.list(of: .structure) { (reader) throws(ParquetProblem) in
                    schema.append(try SchemaElement(&reader))
                }
            case 3: rows = try reader.count()
            case 4:
                try reader.list(of: .structure) { (reader) throws(ParquetProblem) in
                    groups.append(try Self.group(&reader))
                }
            default: try reader.skip()
            }
        }
    }

    private static func group(_ reader: inout ThriftReader) throws(ParquetProblem) -> RowGroup {
        var group = RowGroup()
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1:
                try reader.list(of: .structure) { (reader) throws(ParquetProblem) in
                    group.chunks.append(try chunk(&reader))
                }
            case 3: group.rows = try reader.count()
            default: try reader.skip()
            }
        }
        return group
    }

    private static func chunk(_ reader: inout ThriftReader) throws(ParquetProblem) -> Chunk {
        var found: Chunk?
        var isEncrypted = false
        var elsewhere: String?
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: elsewhere = try reader.text()
            case 3: found = try metadata(&reader)
            case 8, 9:
                isEncrypted = true
                try reader.skip()
            default: try reader.skip()
            }
        }
        let name = found.map { "column \($0.path.joined(separator: "."))" } ?? "a column"
        if isEncrypted {
            throw .unsupported(found: "\(name): encrypted values", advice: withoutEncryption)
        }
        if let elsewhere, !elsewhere.isEmpty {
            throw .unsupported(
                found: "\(name): values in another file (\(elsewhere))",
                advice: "name the files that hold the values, not their summary")
        }
        guard let found else { throw .damaged("a column without its description") }
        return found
    }

    private static func metadata(_ reader: inout ThriftReader) throws(ParquetProblem) -> Chunk {
        var chunk = Chunk()
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: chunk.physical = SchemaElement.Physical(rawValue: try reader.int32())
            case 3:
                try reader.list(of: .binary) { (reader) throws(ParquetProblem) in
                    chunk.path.append(try reader.text())
                }
            case 4: chunk.codec = try reader.int32()
            case 5: chunk.values = try reader.count()
            case 7: chunk.compressedBytes = try reader.count()
            case 9: chunk.dataOffset = try reader.count()
            case 11: chunk.dictionaryOffset = try reader.count()
            default: try reader.skip()
            }
        }
        return chunk
    }

    /// Whether the counts agree and the columns lie in front of the footer, which begins at `end`.
    private func check(_ end: Int) throws(ParquetProblem) {
        guard !schema.isEmpty else { throw .damaged("a footer without a schema") }
        var sum = 0
        for (number, group) in groups.enumerated() {
            let (more, overflows) = sum.addingReportingOverflow(group.rows)
            guard !overflows else { throw .damaged("more rows than 64 bits count") }
            sum = more
            for chunk in group.chunks where group.rows > 0 {
                guard chunk.start >= 4, chunk.start <= end,
                    chunk.compressedBytes <= end - chunk.start
                else {
                    throw .damaged(
                        """
                        column \(chunk.path.joined(separator: ".")) of row group \(number) in \
                        \(chunk.compressedBytes) bytes from byte \(chunk.start), expected inside 4..<\(end)
                        """)
                }
            }
        }
        guard sum == rows else {
            throw .damaged("row groups of \(sum) rows together, expected \(rows)")
        }
    }
}
