/// What stands in front of a page's bytes (parquet.thrift: PageHeader).
struct PageHeader {
    enum Kind {
        case data, dictionary, dataV2, other
    }

    private(set) var kind = Kind.other
    /// Bytes of the page as it lies in the file, and unpacked.
    private(set) var compressedBytes = 0
    private(set) var bytes = 0
    private(set) var checksum: UInt32?
    private(set) var values = 0
    private(set) var encoding = -1
    /// How the definition and repetition levels of a page of version 1 are written.
    private(set) var definitionEncoding = -1
    private(set) var repetitionEncoding = -1
    /// Bytes of the levels of a page of version 2.
    private(set) var definitionBytes = 0
    private(set) var repetitionBytes = 0
    private(set) var isCompressed = true

    /// Bytes that the header itself has.
    private(set) var length = 0

    /// Reads the header at the beginning of `bytes`.
    init(_ bytes: ByteView) throws(ParquetProblem) {
        var reader = ThriftReader(bytes)
        var type = -1
        var described: Set<Int> = []
        try reader.fields { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: type = try reader.int32()
            case 2: self.bytes = try Self.size(&reader)
            case 3: compressedBytes = try Self.size(&reader)
            case 4: checksum = UInt32(bitPattern: Int32(truncatingIfNeeded: try reader.int32()))
            case 5: try readData(&reader)
            case 7: try readDictionary(&reader)
            case 8: try readDataV2(&reader)
            default: try reader.skip()
            }
            described.insert(number)
        }
        length = reader.position
        let description: Int?
        (kind, description) =
            switch type {
            case 0: (.data, 5)
            case 2: (.dictionary, 7)
            case 3: (.dataV2, 8)
            default: (.other, nil)
            }
        guard type >= 0, description.map(described.contains) ?? true else {
            throw .damaged("a page of type \(type) without its description")
        }
    }

    private static func size(_ reader: inout ThriftReader) throws(ParquetProblem) -> Int {
        let size = try reader.int32()
        guard size >= 0 else { throw .damaged("a page of \(size) bytes") }
        return size
    }

    private mutating func readData(_ reader: inout ThriftReader) throws(ParquetProblem) {
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: values = try Self.size(&reader)
            case 2: encoding = try reader.int32()
            case 3: definitionEncoding = try reader.int32()
            case 4: repetitionEncoding = try reader.int32()
            default: try reader.skip()
            }
        }
    }

    private mutating func readDictionary(_ reader: inout ThriftReader) throws(ParquetProblem) {
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: values = try Self.size(&reader)
            case 2: encoding = try reader.int32()
            default: try reader.skip()
            }
        }
    }

    private mutating func readDataV2(_ reader: inout ThriftReader) throws(ParquetProblem) {
        try reader.structure { (reader, number) throws(ParquetProblem) in
            switch number {
            case 1: values = try Self.size(&reader)
            case 4: encoding = try reader.int32()
            case 5: definitionBytes = try Self.size(&reader)
            case 6: repetitionBytes = try Self.size(&reader)
            case 7: isCompressed = try reader.bool()
            default: try reader.skip()
            }
        }
    }
}
