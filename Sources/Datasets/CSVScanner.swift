import Files
import Templates

/// What divides the fields of a record. Quotation marks are read alike in both, as pandas and
/// `datasets` read them (``FieldReading``).
package enum FieldSeparation: Sendable, Equatable {
    /// CSV (RFC 4180).
    case commas
    /// TSV.
    case tabs

    fileprivate var separator: UInt8 {
        switch self {
        case .commas: UInt8(ascii: ",")
        case .tabs: UInt8(ascii: "\t")
        }
    }
}

/// Where a reader stands in a field, as in pandas' C parser (3.1.1, tokenizer.c): a field whose
/// first byte is a quotation mark is quoted, and may hold separators, line breaks and doubled
/// marks; elsewhere a mark is a character. What follows the closing mark is plain text.
private enum FieldReading {
    case start
    case plain
    case quoted
    /// After a mark within a quoted field: its end, or the first of two.
    case afterMark

    enum Meaning {
        case character
        /// A quotation mark that is no part of the text.
        case mark
        case separator
        case lineEnd
    }

    mutating func take(_ byte: UInt8, _ separator: UInt8) -> Meaning {
        let isMark = byte == UInt8(ascii: "\"")
        switch self {
        case .quoted:
            guard isMark else { return .character }
            self = .afterMark
            return .mark
        case .start where isMark:
            self = .quoted
            return .mark
        case .afterMark where isMark:
            self = .quoted
            return .character
        case .start, .plain, .afterMark:
            if byte == separator || byte == 0x0A {
                self = .start
                return byte == separator ? .separator : .lineEnd
            }
            self = .plain
            return .character
        }
    }
}

/// Finds records of separated fields; lines end with \n or \r\n.
package struct CSVScanner {
    /// One field of a record; a field without any characters counts as absent.
    struct Field {
        let text: String?
    }

    let bytes: UnsafeRawBufferPointer
    private let separation: FieldSeparation
    private let file: String
    private let limit: RecordLimit
    private(set) var offset: Int
    private(set) var line: Int

    init(
        _ bytes: UnsafeRawBufferPointer, offset: Int, line: Int, _ separation: FieldSeparation,
        file: String, _ limit: RecordLimit
    ) {
        self.bytes = bytes
        self.separation = separation
        self.file = file
        self.limit = limit
        self.offset = offset
        self.line = line
    }

    /// The next record without its line end; empty lines are passed over.
    ///
    /// - Throws: ``ConversationError/file(path:problem:)`` for a quoted field that the file's end
    ///   cuts off, and for a record larger than ``RecordLimit``.
    mutating func next() throws(ConversationError) -> RowFile.Place? {
        while offset < bytes.count, bytes[offset] == 0x0A || bytes[offset] == 0x0D {
            if bytes[offset] == 0x0A { line += 1 }
            offset += 1
        }
        guard offset < bytes.count else { return nil }
        let (start, first) = (offset, line)
        let end = try passRecord()
        let place = RowFile.Place(offset: start, count: end - start, position: .line(first))
        guard place.count > limit.bytes else { return place }
        throw .file(
            path: file,
            problem: "\(place.position): " + limit.problem("a record", place.count)
                + " (a quotation mark that does not end also makes one)")
    }

    /// Goes to the record's line end or the file's; where the record ends.
    private mutating func passRecord() throws(ConversationError) -> Int {
        let (start, separator) = (offset, separation.separator)
        var reading = FieldReading.start
        var opened = line
        while offset < bytes.count {
            let byte = bytes[offset]
            switch reading.take(byte, separator) {
            case .lineEnd:
                return offset > start && bytes[offset - 1] == 0x0D ? offset - 1 : offset
            case .mark:
                if reading == .quoted { opened = line }
            case .character:
                if byte == 0x0A { line += 1 }
            case .separator: break
            }
            offset += 1
        }
        guard reading == .quoted else { return offset }
        throw .file(
            path: file,
            problem: "line \(opened): found a quoted field without its closing quotation mark, "
                + "expected one before the end of the file; close it, or write a field that begins "
                + "with a mark as \"\"\"…\"")
    }
}

extension FieldSeparation {
    /// The fields of a record.
    ///
    /// - Throws: ``RowProblem`` for a field that is no UTF-8.
    func fields(
        _ bytes: UnsafeRawBufferPointer, _ place: RowFile.Place
    ) throws(RowProblem) -> [CSVScanner.Field] {
        var fields: [CSVScanner.Field] = []
        var field: [UInt8] = []
        func finish() throws(RowProblem) {
            guard let text = String(validating: field, as: UTF8.self) else {
                throw RowProblem(found: "bytes that are no UTF-8", expected: "UTF-8 text")
            }
            fields.append(CSVScanner.Field(text: text.isEmpty ? nil : text))
            field.removeAll(keepingCapacity: true)
        }
        let separator = separator
        var reading = FieldReading.start
        for index in place.offset..<place.offset + place.count {
            switch reading.take(bytes[index], separator) {
            case .character: field.append(bytes[index])
            case .separator: try finish()
            case .mark, .lineEnd: break
            }
        }
        try finish()
        return fields
    }
}
