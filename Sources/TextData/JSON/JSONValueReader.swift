/// Reads JSON as Python's `json.loads` does: RFC 8259, and NaN and Infinity besides.
package struct JSONValueReader {
    private var scanner: JSONScanner
    /// Levels of arrays and objects that may lie in one another.
    private static let deepest = 256

    private typealias Mistake = JSONScanner.Mistake

    /// Reads `text` as one value.
    ///
    /// - Throws: ``RowProblem`` that says what stands where JSON was expected.
    package static func read(_ text: String) throws(RowProblem) -> JSONValue {
        try read(Array(text.utf8)[...])
    }

    /// Reads UTF-8 bytes as one value.
    static func read(_ bytes: ArraySlice<UInt8>) throws(RowProblem) -> JSONValue {
        var reader = JSONValueReader(scanner: JSONScanner(bytes))
        do throws(Mistake) {
            let value = try reader.value(depth: 0)
            reader.scanner.skipSpace()
            guard reader.scanner.isAtEnd else { throw Mistake(expected: "the end of the JSON") }
            return value
        } catch {
            throw RowProblem(found: error.found ?? reader.found, expected: error.expected)
        }
    }

    /// The bytes at the scanner's place, for a message.
    private var found: String {
        let rest = String(decoding: scanner.bytes[scanner.index...].prefix(24), as: UTF8.self)
        let what = scanner.isAtEnd ? "the end" : "\"\(JSONValue.shortened(rest))\""
        return "\(what) at byte \(scanner.offset) of the JSON"
    }

    private mutating func value(depth: Int) throws(Mistake) -> JSONValue {
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
        case UInt8(ascii: "N"): return try word("NaN", .number("NaN"))
        case UInt8(ascii: "I"): return try word("Infinity", .number("Infinity"))
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
        if scanner.index > start, scanner.next == UInt8(ascii: "I") {
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
        if scanner.take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            let key = try scanner.key()
            let value = try value(depth: depth + 1)
            // Of a repeated key the first place and the last value count, as in Python. Few
            // objects have many keys, so that looking through them is cheapest.
            if let place = members.firstIndex(where: { $0.key == key }) {
                members[place].value = value
            } else {
                members.append((key: key, value: value))
            }
        } while scanner.take(UInt8(ascii: ","))
        guard scanner.take(UInt8(ascii: "}")) else { throw Mistake(expected: "',' or '}'") }
        return .object(members)
    }
}

/// Numbers as Python writes them.
enum PythonNumber {
    /// `repr` of a float: the fewest digits that read back alike, with an exponent below 1e-4 and
    /// from 1e16 on; infinities and NaN as json.dumps names them.
    static func text(_ value: Double) -> String {
        guard value.isFinite else {
            return value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        }
        let sign = value.sign == .minus ? "-" : ""
        // Swift's description has the same digits, but another place to begin with exponents.
        let parts = value.magnitude.description.split(separator: "e")
        let mantissa = parts[0].split(separator: ".")
        let fraction = mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : ""
        var point = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        var digits = (mantissa[0] + fraction)[...]
        while digits.count > 1, digits.first == "0" {
            digits.removeFirst()
            point -= 1
        }
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        if digits == "0" { return sign + "0.0" }
        let exponent = point - 1
        if exponent < -4 || exponent >= 16 {
            let rest = digits.dropFirst()
            let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest)
                + (exponent < 0 ? "e-" : "e+") + size
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if digits.count <= point {
            return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
        }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
