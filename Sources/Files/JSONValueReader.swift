/// Which JSON is read, and what becomes of it.
package enum JSONDialect: Sendable {
    /// As Python's `json.loads` does: NaN and Infinity besides RFC 8259, the last value of a
    /// repeated key, and numbers as Python writes them.
    case python
    /// RFC 8259 alone: every member, repeated keys included, and numbers as they are written.
    /// Nothing is looked up, so that a vocabulary of 200 000 tokens is read at once.
    case asWritten

    /// Levels of arrays and objects that may lie in one another.
    var deepest: Int { self == .python ? 256 : 128 }
}

/// Reads JSON, of either ``JSONDialect``.
package struct JSONValueReader {
    private var scanner: JSONScanner
    private let dialect: JSONDialect

    private typealias Mistake = JSONScanner.Mistake

    /// What is expected behind the value.
    package static let end = "the end of the JSON"

    /// Reads `text` as one value.
    ///
    /// - Throws: ``JSONProblem`` that says what stands where JSON was expected.
    package static func read(_ text: String) throws(JSONProblem) -> JSONValue {
        try read(Array(text.utf8)[...])
    }

    /// Reads UTF-8 bytes as one value.
    package static func read(_ bytes: ArraySlice<UInt8>) throws(JSONProblem) -> JSONValue {
        do throws(JSONScanner.Mistake) {
            return try value(of: bytes, .python)
        } catch {
            let rest = bytes.dropFirst(error.offset)
            let text = JSONValue.shortened(String(decoding: rest.prefix(24), as: UTF8.self))
            let found =
                "\(rest.isEmpty ? "the end" : "\"\(text)\"") at byte \(error.offset) of the JSON"
            throw JSONProblem(found: error.found ?? found, expected: error.expected)
        }
    }

    /// Reads UTF-8 bytes as one value.
    ///
    /// - Throws: ``JSONScanner/Mistake`` with its offset, for a message that names the place.
    package static func value(
        of bytes: ArraySlice<UInt8>, _ dialect: JSONDialect
    ) throws(JSONScanner.Mistake) -> JSONValue {
        var reader = JSONValueReader(scanner: JSONScanner(bytes), dialect: dialect)
        do throws(Mistake) {
            let value = try reader.value(depth: 0)
            reader.scanner.skipSpace()
            guard reader.scanner.isAtEnd else { throw Mistake(expected: Self.end) }
            return value
        } catch {
            var mistake = error
            mistake.offset = reader.scanner.offset
            throw mistake
        }
    }

    private mutating func value(depth: Int) throws(Mistake) -> JSONValue {
        scanner.skipSpace()
        guard let first = scanner.next else { throw Mistake(expected: "a value") }
        guard depth < dialect.deepest else {
            throw Mistake(expected: "at most \(dialect.deepest) levels")
        }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try scanner.string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N") where dialect == .python:
            return try word("NaN", .number("NaN"))
        case UInt8(ascii: "I") where dialect == .python:
            return try word("Infinity", .number("Infinity"))
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(Mistake) -> JSONValue {
        try scanner.word(word)
        return value
    }

    private mutating func digits() -> Int {
        let start = scanner.index
        while let byte = scanner.next, (0x30...0x39).contains(byte) { scanner.index += 1 }
        return scanner.index - start
    }

    private mutating func number() throws(Mistake) -> JSONValue {
        let start = scanner.index
        if scanner.next == UInt8(ascii: "-") { scanner.index += 1 }
        if scanner.index > start, scanner.next == UInt8(ascii: "I"), dialect == .python {
            return try word("Infinity", .number("-Infinity"))
        }
        let leading = scanner.next
        let whole = digits()
        guard whole > 0, whole == 1 || leading != 0x30 else {
            scanner.index = start
            throw Mistake(expected: "a value")
        }
        var isInteger = true
        let point = scanner.index
        if scanner.next == UInt8(ascii: ".") {
            scanner.index += 1
            if digits() > 0 { isInteger = false } else { scanner.index = point }
        }
        let exponent = scanner.index
        if let letter = scanner.next, letter | 0x20 == UInt8(ascii: "e") {
            scanner.index += 1
            if let sign = scanner.next, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                scanner.index += 1
            }
            if digits() > 0 { isInteger = false } else { scanner.index = exponent }
        }
        let text = String(decoding: scanner.bytes[start..<scanner.index], as: UTF8.self)
        if dialect == .asWritten { return .number(text) }
        if isInteger { return .number(text == "-0" ? "0" : text) }
        guard let value = Double(text) else { throw Mistake(expected: "a number") }
        return .number(PythonNumber.text(value))
    }

    private mutating func array(depth: Int) throws(Mistake) -> JSONValue {
        scanner.index += 1
        var values: [JSONValue] = []
        if scanner.take(UInt8(ascii: "]")) { return .array(values) }
        repeat {
            values.append(try value(depth: depth + 1))
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "]")) else { throw Mistake(expected: "',' or ']'") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(Mistake) -> JSONValue {
        scanner.index += 1
        var members: [JSONValue.Member] = []
        var places = KeyPlaces()
        if scanner.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            let key = try scanner.key()
            let value = try value(depth: depth + 1)
            // Of a repeated key the first place and the last value count, as in Python. Keys are
            // bytes: those that Unicode calls equivalent are different ones.
            if dialect == .python, let place = places.place(of: key, in: members) {
                members[place].value = value
            } else {
                members.append((key: key, value: value))
            }
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "}")) else { throw Mistake(expected: "',' or '}'") }
        return .object(members)
    }
}

/// Where the keys of an object stand, while it grows. Few objects have many keys: looking through
/// some is cheapest, and of many a table tells.
private struct KeyPlaces {
    private var table: [[UInt8]: Int] = [:]
    private static let few = 16

    /// The place of `key` among `members`; `nil` where it is new, and then it is about to follow.
    mutating func place(of key: String, in members: [JSONValue.Member]) -> Int? {
        guard members.count >= Self.few else {
            return members.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
        }
        if table.isEmpty {
            for (place, member) in members.enumerated() { table[Array(member.key.utf8)] = place }
        }
        let bytes = Array(key.utf8)
        if let place = table[bytes] { return place }
        table[bytes] = members.count
        return nil
    }
}
