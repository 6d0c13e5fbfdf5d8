/// Reads JSON text into ``TokenizerJSON`` (RFC 8259).
struct TokenizerJSONReader {
    private let bytes: [UInt8]
    private var index = 0
    private let file: String
    /// Levels of arrays and objects that may lie in one another.
    private static let deepest = 128

    /// Reads `text` as one JSON value.
    ///
    /// - Parameter file: the name that messages give.
    /// - Throws: ``TokenizerError/malformed(file:byte:found:expected:)``.
    static func read(_ text: String, file: String) throws(TokenizerError) -> TokenizerJSON {
        var reader = TokenizerJSONReader(bytes: Array(text.utf8), file: file)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == reader.bytes.count else { throw reader.error("the end of the text") }
        return value
    }

    private init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private func error(_ expected: String) -> TokenizerError {
        var found = "the end of the text"
        if index < bytes.count {
            let length = ScalarClasses.length(startingWith: bytes[index])
            let part = bytes[index..<min(index + length, bytes.count)]
            found = "'\(String(decoding: part, as: UTF8.self))'"
        }
        return .malformed(file: file, byte: index, found: found, expected: expected)
    }

    private mutating func skipSpace() {
        while index < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ character: UInt8) -> Bool {
        skipSpace()
        guard index < bytes.count, bytes[index] == character else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(TokenizerError) -> TokenizerJSON {
        skipSpace()
        guard index < bytes.count else { throw error("a value") }
        guard depth < Self.deepest else { throw error("at most \(Self.deepest) levels") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(
        _ word: String, _ value: TokenizerJSON
    ) throws(TokenizerError) -> TokenizerJSON {
        guard bytes[index...].starts(with: word.utf8) else { throw error("a value") }
        index += word.utf8.count
        return value
    }

    private mutating func number() throws(TokenizerError) -> TokenizerJSON {
        let start = index
        while index < bytes.count, "+-.0123456789eE".utf8.contains(bytes[index]) { index += 1 }
        guard index > start,
            let value = Double(String(decoding: bytes[start..<index], as: UTF8.self))
        else {
            index = start
            throw error("a value")
        }
        return .number(value)
    }

    private mutating func array(depth: Int) throws(TokenizerError) -> TokenizerJSON {
        index += 1
        var values: [TokenizerJSON] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw error("',' or ']'") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(TokenizerError) -> TokenizerJSON {
        index += 1
        var members: [TokenizerJSON.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else {
                throw error("a key in quotation marks")
            }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw error("':'") }
            members.append(.init(key: key, value: try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw error("',' or '}'") }
        return .object(members)
    }

    private mutating func string() throws(TokenizerError) -> String {
        index += 1
        var start = index
        var parts: [UInt8] = []
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                let tail = bytes[start..<index]
                index += 1
                if parts.isEmpty { return String(decoding: tail, as: UTF8.self) }
                return String(decoding: parts + tail, as: UTF8.self)
            case UInt8(ascii: "\\"):
                parts += bytes[start..<index]
                index += 1
                parts += String(try escape()).utf8
                start = index
            case 0..<0x20: throw error("a control character written as an escape")
            default: index += 1
            }
        }
        throw error("'\"'")
    }

    private mutating func escape() throws(TokenizerError) -> Unicode.Scalar {
        guard index < bytes.count else { throw error("an escape") }
        let letter = bytes[index]
        if letter == UInt8(ascii: "u") {
            index += 1
            return try unicodeEscape()
        }
        let simple: [UInt8: Unicode.Scalar] = [
            0x22: "\"", 0x5C: "\\", 0x2F: "/", 0x62: "\u{8}", 0x66: "\u{C}", 0x6E: "\n",
            0x72: "\r", 0x74: "\t",
        ]
        guard let scalar = simple[letter] else { throw error("an escape") }
        index += 1
        return scalar
    }

    private mutating func unicodeEscape() throws(TokenizerError) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A surrogate: the low half must follow.
        guard first < 0xDC00, bytes[index...].starts(with: #"\u"#.utf8) else {
            throw error("the second half of a surrogate pair")
        }
        index += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw error("the second half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(TokenizerError) -> UInt32 {
        guard index + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits") }
        index += 4
        return value
    }
}
