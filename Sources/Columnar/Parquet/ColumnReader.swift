import Files

/// Reads the entries of one column in one row group: each has a repetition level, a definition level and, where
/// the latter is the column's own, a value. Holds a page and a dictionary at a time.
final class ColumnReader {
    let column: ParquetColumn
    /// The levels of the entry at hand; the repetition level is 0 at the end.
    private(set) var repetition = 0
    private(set) var definition = 0
    private(set) var isAtEnd = true

    private let codec: PageCodec
    /// The column's pages, and where the next one begins.
    private let pages: ByteView
    private var position = 0
    /// Entries in the pages to come, and in the page at hand.
    private var entriesToCome: Int
    private var entries = 0
    private var repetitions = HybridDecoder.zeros
    private var definitions = HybridDecoder.zeros
    /// The page's values: indices into the dictionary, or others.
    var indices: HybridDecoder?
    var values: ValueReader
    var dictionary: ColumnDictionary?
    private let buffer: PageBuffer

    /// - Parameters:
    ///   - file: the whole file; it has to outlive this object.
    ///   - buffer: where pages are unpacked.
    init(
        _ column: ParquetColumn, _ group: ParquetFooter.RowGroup, _ file: ByteView,
        _ buffer: PageBuffer
    ) throws(ParquetProblem) {
        self.column = column
        self.buffer = buffer
        let chunk = group.chunks[column.index]
        do throws(ParquetProblem) {
            guard chunk.path == column.path, chunk.physical == column.physical else {
                throw .damaged("column \(chunk.path.joined(separator: ".")) stands in its place")
            }
            guard column.repetition > 0 ? chunk.values >= group.rows : chunk.values == group.rows
            else {
                throw .damaged("\(chunk.values) values, expected them for \(group.rows) rows")
            }
            guard let pages = file.part(chunk.start, chunk.compressedBytes) else {
                throw .damaged("pages behind the end of the file")
            }
            self.pages = pages
            entriesToCome = chunk.values
            codec = try PageCodec(code: chunk.codec)
            values = try ValueReader(.empty, 0, column.physical, length: column.length)
        } catch {
            throw error.at("column \(column.name)")
        }
    }

    /// Goes on to the next entry, the first one at the beginning.
    @inline(__always)
    func advance() throws(ParquetProblem) {
        if entries == 0, try !nextPage() {
            isAtEnd = true
            repetition = 0
            return
        }
        isAtEnd = false
        entries -= 1
        repetition = try repetitions.next()
        definition = try definitions.next()
        guard repetition <= column.repetition, definition <= column.definition else {
            throw .damaged(
                "a repetition level of \(repetition), a definition level of \(definition)")
        }
    }

    /// Whether there is a value and no null.
    var hasValue: Bool { definition == column.definition }

    /// Goes to the next page with entries; returns whether there is one.
    private func nextPage() throws(ParquetProblem) -> Bool {
        guard indices != nil || !values.hasMore else {
            throw .damaged("a page with more bytes than its values need")
        }
        while entries == 0 {
            guard entriesToCome > 0 else { return false }
            guard let rest = pages.from(position), rest.count > 0 else {
                throw .damaged("\(entriesToCome) values fewer than expected")
            }
            let header = try PageHeader(rest)
            guard let body = rest.part(header.length, header.compressedBytes) else {
                throw .damaged("a page of \(header.compressedBytes) bytes that is cut off")
            }
            position += header.length + header.compressedBytes
            if let checksum = header.checksum, Zlib.crc32(body.raw, from: 0) != checksum {
                throw .damaged("a page with another checksum than its header has")
            }
            switch header.kind {
            case .dictionary: try beginDictionary(header, body)
            case .data: try beginPage(header, body)
            case .dataV2: try beginPageV2(header, body)
            case .other: break
            }
        }
        return true
    }

    private func beginDictionary(_ header: PageHeader, _ body: ByteView) throws(ParquetProblem) {
        guard dictionary == nil else { throw .damaged("a second dictionary") }
        guard header.encoding == 0 || header.encoding == 2 else {
            throw .damaged("a dictionary in encoding \(header.encoding)")
        }
        let bytes = try codec.unpack(body, size: header.bytes, buffer)
        guard header.values <= bytes.count else {
            throw .damaged("a dictionary of \(header.values) values in \(bytes.count) bytes")
        }
        var values = try ValueReader(bytes, 0, column.physical, length: column.length)
        dictionary = try ColumnDictionary(&values, header.values, column)
    }

    private func begin(_ header: PageHeader) throws(ParquetProblem) {
        guard header.values <= entriesToCome else {
            throw .damaged("a page of \(header.values) values, at most \(entriesToCome) expected")
        }
        entriesToCome -= header.values
        entries = header.values
    }

    private func beginPage(_ header: PageHeader, _ body: ByteView) throws(ParquetProblem) {
        try begin(header)
        let bytes = try codec.unpack(body, size: header.bytes, buffer)
        var position = 0
        repetitions = try levels(
            bytes, &position, highest: column.repetition, header.repetitionEncoding)
        definitions = try levels(
            bytes, &position, highest: column.definition, header.definitionEncoding)
        try beginValues(bytes.from(position) ?? .empty, header.encoding)
    }

    /// Levels that begin with their length, as pages of version 1 have them.
    private func levels(
        _ bytes: ByteView, _ position: inout Int, highest: Int, _ encoding: Int
    ) throws(ParquetProblem) -> HybridDecoder {
        guard highest > 0 else { return .zeros }
        guard encoding == ValueReader.Encoding.rle.rawValue else {
            throw .unsupported(
                found: "levels in encoding \(encoding) (BIT_PACKED, given up in 2013)",
                advice: ParquetProblem.rewrite)
        }
        guard position + 4 <= bytes.count,
            let part = bytes.part(position + 4, Int(bytes.load(position, UInt32.self)))
        else { throw .damaged("levels that are cut off") }
        position += 4 + part.count
        return try HybridDecoder(part, width: Self.width(highest))
    }

    private func beginPageV2(_ header: PageHeader, _ body: ByteView) throws(ParquetProblem) {
        try begin(header)
        let levels = header.repetitionBytes + header.definitionBytes
        guard let repetitions = body.part(0, header.repetitionBytes),
            let definitions = body.part(header.repetitionBytes, header.definitionBytes),
            let rest = body.from(levels), header.bytes >= levels
        else { throw .damaged("levels that are cut off") }
        self.repetitions = try HybridDecoder(repetitions, width: Self.width(column.repetition))
        self.definitions = try HybridDecoder(definitions, width: Self.width(column.definition))
        let codec = header.isCompressed ? codec : .none
        try beginValues(
            codec.unpack(rest, size: header.bytes - levels, buffer), header.encoding)
    }

    private func beginValues(_ bytes: ByteView, _ encoding: Int) throws(ParquetProblem) {
        guard
            encoding == ValueReader.Encoding.dictionary.rawValue
                || encoding == ValueReader.Encoding.plainDictionary.rawValue
        else {
            indices = nil
            values = try ValueReader(bytes, encoding, column.physical, length: column.length)
            return
        }
        // A page of nulls may lack even the width.
        indices =
            bytes.count == 0
            ? try HybridDecoder(bytes, width: 1)
            : try HybridDecoder(bytes.from(1) ?? .empty, width: Int(bytes[0]))
    }

    /// Bits of a level that is at most `highest`.
    private static func width(_ highest: Int) -> Int {
        Int.bitWidth - highest.leadingZeroBitCount
    }
}
