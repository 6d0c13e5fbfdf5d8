import Files

/// Reads JSON text into ``TokenizerJSON`` (RFC 8259).
package struct TokenizerJSONReader {
    private var scanner: JSONScanner
    /// Levels of arrays and objects that may lie in one another.
    private static let deepest = 128

    private typealias Mistake = JSONScanner.Mistake

    /// Reads `text` as one JSON value.
    ///
    /// - Parameter file: the name that messages give.
    /// - Throws: ``TokenizerError/malformed(file:byte:found:expected:)``.
    package static func read(_ text: String, file: String) throws(TokenizerError) -> TokenizerJSON {
        var reader = TokenizerJSONReader(scanner: JSONScanner(Array(text.utf8)[...]))
        do throws(Mistake) {
            let value = try reader.value(depth: 0)
            reader.scanner.skipSpace()
            guard reader.scanner.isAtEnd else { throw Mistake(expected: "the end of the text") }
            return value
        } catch {
            throw .malformed(
                file: file, byte: reader.scanner.offset, found: error.found ?? reader.found,
                expected: error.expected)
        }
    }

    /// The character at the scanner's place, for a message.
    private var found: String {
        guard let first = scanner.next else { return "the end of the text" }
        let part = scanner.bytes[scanner.index...]
            .prefix(ScalarClasses.length(startingWith: first))
        return "'\(String(decoding: part, as: UTF8.self))'"
    }

    private mutating func value(depth: Int) throws(Mistake) -> TokenizerJSON {
        scanner.skipSpace()
        guard let first = scanner.next else { throw Mistake(expected: "a value") }
        guard depth < Self.deepest else {
            throw Mistake(expected: "at most \(Self.deepest) levels")
        }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try scanner.string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(
        _ word: String, _ value: TokenizerJSON
    ) throws(Mistake) -> TokenizerJSON {
        try scanner.word(word)
        return value
    }

    private mutating func number() throws(Mistake) -> TokenizerJSON {
        let start = scanner.index
        while let byte = scanner.next, "+-.0123456789eE".utf8.contains(byte) { scanner.index += 1 }
        let text = String(decoding: scanner.bytes[start..<scanner.index], as: UTF8.self)
        guard let value = Double(text) else {
            scanner.index = start
            throw Mistake(expected: "a value")
        }
        return .number(value)
    }

    private mutating func array(depth: Int) throws(Mistake) -> TokenizerJSON {
        scanner.index += 1
        var values: [TokenizerJSON] = []
        if scanner.take(UInt8(ascii: "]")) { return .array(values) }
        repeat {
            values.append(try value(depth: depth + 1))
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "]")) else { throw Mistake(expected: "',' or ']'") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(Mistake) -> TokenizerJSON {
        scanner.index += 1
        var members: [TokenizerJSON.Member] = []
        if scanner.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            let key = try scanner.key()
            members.append(.init(key: key, value: try value(depth: depth + 1)))
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "}")) else { throw Mistake(expected: "',' or '}'") }
        return .object(members)
    }
}
