import Files

/// Finds rows in JSON, a list of objects or one object after another (JSON lines), by brackets
/// and quotation marks alone.
package struct JSONRowScanner {
    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private let limit: RecordLimit
    private let isList: Bool
    /// Whether messages count rows: those of a table, or of a list whose rows share lines.
    private var countsRows: Bool
    private var offset: Int
    private var line = 1
    /// Rows that were begun.
    private var rows = 0

    /// - Parameter countsRows: whether messages are to count rows in any case.
    /// - Throws: ``ConversationError/file(path:problem:)`` when the file begins with neither.
    init(
        _ bytes: UnsafeRawBufferPointer, offset: Int, file: String, _ limit: RecordLimit,
        countsRows: Bool = false
    ) throws(ConversationError) {
        self.bytes = bytes
        self.file = file
        self.limit = limit
        self.offset = offset
        self.countsRows = countsRows
        var first = offset
        while first < bytes.count, Self.isSpace(bytes[first]) { first += 1 }
        isList = first < bytes.count && bytes[first] == UInt8(ascii: "[")
        if isList {
            skipSpace()
            self.offset += 1
            self.countsRows = sharesLines()
        } else if first < bytes.count, bytes[first] != UInt8(ascii: "{") {
            throw .file(
                path: file, problem: "expected a list of objects or an object on each line")
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private mutating func skipSpace() {
        while offset < bytes.count, Self.isSpace(bytes[offset]) {
            if bytes[offset] == 0x0A { line += 1 }
            offset += 1
        }
    }

    /// Whether one of the list's first rows begins on the line of the row before it; of no more, so that a
    /// large file is not read twice.
    private func sharesLines() -> Bool {
        var (ahead, last) = (self, 0)
        for _ in 0..<RowPosition.examinedRows {
            guard (try? ahead.begin()) == true else { return false }
            let (start, first) = (ahead.offset, ahead.line)
            ahead.skipValue()
            guard ahead.offset > start else { return false }
            if first == last { return true }
            last = first
        }
        return false
    }

    /// The next row, or what stands where one was expected.
    mutating func next() throws(ConversationError) -> RowFile.Place? {
        guard try begin() else { return nil }
        let (start, position) = (offset, countsRows ? .row(rows) : RowPosition.line(line))
        skipValue()
        return try place(start, position)
    }

    /// Moves to the next row's first byte.
    ///
    /// - Returns: whether there is one.
    private mutating func begin() throws(ConversationError) -> Bool {
        skipSpace()
        if isList {
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "]") {
                offset += 1
                skipSpace()
                if offset == bytes.count { return false }
                throw damage("text after the list's end")
            }
            if rows > 0 {
                guard offset < bytes.count, bytes[offset] == UInt8(ascii: ",") else {
                    throw damage(
                        "expected \",\" or \"]\" after a row; "
                            + (offset < bytes.count ? "the list is damaged" : "the file is cut off")
                    )
                }
                offset += 1
                skipSpace()
            }
            if offset >= bytes.count {
                throw damage("the list is cut off")
            }
        } else if offset >= bytes.count {
            return false
        }
        rows += 1
        return true
    }

    /// What is wrong behind the last row that was read.
    private func damage(_ problem: String) -> ConversationError {
        let place = countsRows ? "after row \(rows)" : "line \(line)"
        return .file(path: file, problem: "\(place): \(problem)")
    }

    /// A row of that size; one that is none or larger than a row may be is an error.
    private func place(
        _ start: Int, _ position: RowPosition
    ) throws(ConversationError) -> RowFile.Place {
        let count = offset - start
        guard count > 0 else {
            let byte = Character(Unicode.Scalar(bytes[offset]))
            throw .file(
                path: file,
                problem:
                    "\(position): found '\(byte)', expected an object; a bracket too many, or "
                    + "a row is missing before it")
        }
        guard count <= limit.bytes else {
            throw .file(
                path: file, problem: "\(position): " + limit.problem("a row", count))
        }
        return RowFile.Place(offset: start, count: count, position: position)
    }

    /// Moves past one value. Without brackets it ends with the line, or before a list's comma. Among lines it also
    /// ends where another line begins with an object that cannot be part of it: a bracket is missing, and the damaged
    /// row must not take the next ones along.
    private mutating func skipValue() {
        var open: [UInt8] = []
        var last: UInt8?
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                guard skipString() else { return }
                if open.isEmpty, isList { return }
                last = byte
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): open.append(byte)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if open.popLast() == nil { return }
                if open.isEmpty {
                    offset += 1
                    return
                }
            case UInt8(ascii: ",") where open.isEmpty && isList: return
            case 0x0A:
                if open.isEmpty || (!isList && beginsRow(after: last, in: open.last)) { return }
                line += 1
            default: break
            }
            if !Self.isSpace(byte) { last = byte }
            offset += 1
        }
    }

    /// Whether the line after this one's end begins with an object that is no value where it stands.
    private func beginsRow(after last: UInt8?, in bracket: UInt8?) -> Bool {
        var next = offset
        while next < bytes.count, Self.isSpace(bytes[next]) { next += 1 }
        guard next < bytes.count, bytes[next] == UInt8(ascii: "{") else { return false }
        switch last {
        case UInt8(ascii: ":"): return bracket != UInt8(ascii: "{")
        case UInt8(ascii: ","), UInt8(ascii: "["): return bracket != UInt8(ascii: "[")
        default: return true
        }
    }

    /// Moves past a string. Among lines a string ends with its line even without a mark, so that
    /// a damaged row does not take the next ones along.
    private mutating func skipString() -> Bool {
        offset += 1
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                offset += 1
                return true
            case UInt8(ascii: "\\"): offset += 2
            case 0x0A:
                if !isList { return false }
                line += 1
                offset += 1
            default: offset += 1
            }
        }
        offset = bytes.count
        return false
    }
}
