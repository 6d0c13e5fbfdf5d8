import Files

/// Finds rows in JSON, a list of objects or one object after another (JSON lines), by brackets
/// and quotation marks alone.
package struct JSONRowScanner {
    private let bytes: UnsafeRawBufferPointer
    private let file: String
    private let limit: RecordLimit
    private let isList: Bool
    private var offset: Int
    private var line = 1
    private var isFirst = true

    /// - Throws: ``ConversationError/file(path:problem:)`` when the file begins with neither.
    init(
        _ bytes: UnsafeRawBufferPointer, offset: Int, file: String, _ limit: RecordLimit
    ) throws(ConversationError) {
        self.bytes = bytes
        self.file = file
        self.limit = limit
        self.offset = offset
        var first = offset
        while first < bytes.count, Self.isSpace(bytes[first]) { first += 1 }
        isList = first < bytes.count && bytes[first] == UInt8(ascii: "[")
        if isList {
            skipSpace()
            self.offset += 1
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

    /// The next row, or what stands where one was expected.
    mutating func next() throws(ConversationError) -> RowFile.Place? {
        skipSpace()
        if isList {
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "]") {
                offset += 1
                skipSpace()
                if offset == bytes.count { return nil }
                throw .file(path: file, problem: "line \(line): text after the list's end")
            }
            if !isFirst {
                guard offset < bytes.count, bytes[offset] == UInt8(ascii: ",") else {
                    throw .file(
                        path: file,
                        problem: "line \(line): expected \",\" or \"]\" after a row; "
                            + (offset < bytes.count ? "the list is damaged" : "the file is cut off")
                    )
                }
                offset += 1
                skipSpace()
            }
            if offset >= bytes.count {
                throw .file(path: file, problem: "line \(line): the list is cut off")
            }
        } else if offset >= bytes.count {
            return nil
        }
        isFirst = false
        let (start, first) = (offset, line)
        skipValue()
        return try place(start, first)
    }

    /// A row of that size; one that is none or larger than a row may be is an error.
    private func place(_ start: Int, _ first: Int) throws(ConversationError) -> RowFile.Place {
        let count = offset - start
        guard count > 0 else {
            let byte = Character(Unicode.Scalar(bytes[offset]))
            throw .file(
                path: file,
                problem:
                    "line \(first): found '\(byte)', expected an object; a bracket too many, or "
                    + "a row is missing before it")
        }
        guard count <= limit.bytes else {
            throw .file(
                path: file, problem: "line \(first): " + limit.problem("a row", count))
        }
        return RowFile.Place(offset: start, count: count, line: first)
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
