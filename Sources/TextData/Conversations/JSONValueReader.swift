/// Reads JSON as Python's `json.loads` does: RFC 8259, and NaN and Infinity besides.
package struct JSONValueReader {
    private let bytes: ArraySlice<UInt8>
    private var index: Int
    /// Levels of arrays and objects that may lie in one another.
    private static let deepest = 256

    /// Reads `text` as one value.
    ///
    /// - Throws: ``RowProblem`` that says what stands where JSON was expected.
    package static func read(_ text: String) throws(RowProblem) -> JSONValue {
        try read(Array(text.utf8)[...])
    }

    /// Reads UTF-8 bytes as one value.
    static func read(_ bytes: ArraySlice<UInt8>) throws(RowProblem) -> JSONValue {
        var reader = JSONValueReader(bytes: bytes)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == bytes.endIndex else { throw reader.problem("the end of the JSON") }
        return value
    }

    private init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    private func problem(_ expected: String) -> RowProblem {
        let rest = bytes[index...].prefix(24)
        let found =
            rest.isEmpty
            ? "the end" : "\"\(JSONValue.shortened(String(decoding: rest, as: UTF8.self)))\""
        return RowProblem(
            found: "\(found) at byte \(index - bytes.startIndex) of the JSON", expected: expected)
    }

    private mutating func skipSpace() {
        while index < bytes.endIndex {
            switch bytes[index] {
            case 0x20, 0x0A, 0x0D, 0x09: index += 1
            default: return
            }
        }
    }

    private mutating func take(_ character: UInt8) -> Bool {
        skipSpace()
        guard index < bytes.endIndex, bytes[index] == character else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(RowProblem) -> JSONValue {
        skipSpace()
        guard index < bytes.endIndex else { throw problem("a value") }
        guard depth < Self.deepest else { throw problem("at most \(Self.deepest) levels") }
        switch bytes[index] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N"): return try word("NaN", .number("NaN"))
        case UInt8(ascii: "I"): return try word("Infinity", .number("Infinity"))
        default: return try number()
        }
    }

    private mutating func word(
        _ word: String, _ value: JSONValue
    ) throws(RowProblem) -> JSONValue {
        guard bytes[index...].starts(with: word.utf8) else { throw problem("a value") }
        index += word.utf8.count
        return value
    }

    private mutating func digits() -> Int {
        let start = index
        while index < bytes.endIndex, (0x30...0x39).contains(bytes[index]) { index += 1 }
        return index - start
    }

    private mutating func number() throws(RowProblem) -> JSONValue {
        let start = index
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        if index > start, index < bytes.endIndex, bytes[index] == UInt8(ascii: "I") {
            return try word("Infinity", .number("-Infinity"))
        }
        let leading = index
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[leading] != 0x30 else {
            index = start
            throw problem("a value")
        }
        var isInteger = true
        func at(_ place: Int) -> UInt8? { place < bytes.endIndex ? bytes[place] : nil }
        if at(index) == UInt8(ascii: "."), let next = at(index + 1), (0x30...0x39).contains(next) {
            isInteger = false
            index += 1
            _ = digits()
        }
        if let letter = at(index), letter | 0x20 == UInt8(ascii: "e") {
            let before = index
            index += 1
            if let sign = at(index), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                index += 1
            }
            if digits() > 0 { isInteger = false } else { index = before }
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isInteger { return .number(text == "-0" ? "0" : text) }
        guard let value = Double(text) else { throw problem("a number") }
        return .number(PythonNumber.text(value))
    }

    private mutating func array(depth: Int) throws(RowProblem) -> JSONValue {
        index += 1
        var values: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw problem("\",\" or \"]\"") }
        return .array(values)
    }

    private mutating func object(depth: Int) throws(RowProblem) -> JSONValue {
        index += 1
        var members: [JSONValue.Member] = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard index < bytes.endIndex, bytes[index] == UInt8(ascii: "\"") else {
                throw problem("a key in quotation marks")
            }
            let key = try string()
            guard take(UInt8(ascii: ":")) else { throw problem("\":\"") }
            let value = try value(depth: depth + 1)
            // Of a repeated key the first place and the last value count, as in Python. Few
            // objects have many keys, so that looking through them is cheapest.
            if let place = members.firstIndex(where: { $0.key == key }) {
                members[place].value = value
            } else {
                members.append(.init(key: key, value: value))
            }
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw problem("\",\" or \"}\"") }
        return .object(members)
    }

    private mutating func string() throws(RowProblem) -> String {
        index += 1
        var start = index
        var parts: [UInt8] = []
        while index < bytes.endIndex {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                let tail = bytes[start..<index]
                index += 1
                let whole = parts.isEmpty ? tail : (parts + tail)[...]
                guard let text = String(validating: whole, as: UTF8.self) else {
                    throw RowProblem(found: "bytes that are no UTF-8", expected: "UTF-8 text")
                }
                return text
            case UInt8(ascii: "\\"):
                parts += bytes[start..<index]
                index += 1
                parts += String(try escape()).utf8
                start = index
            case 0..<0x20: throw problem("a control character written as an escape")
            default: index += 1
            }
        }
        throw problem("the end of a text, '\"'")
    }

    private mutating func escape() throws(RowProblem) -> Unicode.Scalar {
        guard index < bytes.endIndex else { throw problem("an escape") }
        let letter = bytes[index]
        let scalar: Unicode.Scalar
        switch letter {
        case UInt8(ascii: "u"):
            index += 1
            return try unicodeEscape()
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            scalar = Unicode.Scalar(letter)
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        default: throw problem("an escape")
        }
        index += 1
        return scalar
    }

    private mutating func unicodeEscape() throws(RowProblem) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A surrogate: the low half must follow, for half a pair is no text.
        guard first < 0xDC00, bytes[index...].starts(with: #"\u"#.utf8) else {
            throw problem("the second half of a surrogate pair")
        }
        index += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw problem("the second half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(RowProblem) -> UInt32 {
        guard index + 4 <= bytes.endIndex,
            let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw problem("four hexadecimal digits") }
        index += 4
        return value
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
