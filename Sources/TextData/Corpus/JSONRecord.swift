/// Why a JSON record could not be used, in words that follow a file and line.
struct JSONRecordProblem: Error {
    let message: String
}

/// Takes one text field out of JSON objects without building them.
///
/// Syntax is RFC 8259, checked throughout; as Python's json module does, it accepts NaN and
/// Infinity, and the last of repeated keys counts. Control characters inside strings are accepted,
/// for the cleaner removes them.
struct JSONRecordScanner {
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    private static let deepestNesting = 512

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Moves past white space, and commas when asked; returns whether anything is left.
    mutating func skipSpace(andCommas: Bool = false) -> Bool {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            case 0x2C where andCommas: position += 1
            default: return true
            }
        }
        return false
    }

    /// Moves past the bracket that opens an array, if one comes next.
    mutating func skipOpeningBracket() {
        if peek() == UInt8(ascii: "[") { position += 1 }
    }

    /// Reads one object and puts the string under `field` into `text` as UTF-8.
    ///
    /// - Throws: ``JSONRecordProblem`` for bad syntax, a value that is no object, a field that is missing
    ///   or no string.
    mutating func readText(of field: [UInt8], into text: inout [UInt8]) throws(JSONRecordProblem) {
        guard peek() == UInt8(ascii: "{") else {
            throw JSONRecordProblem(message: "\(found()) found, a JSON object expected")
        }
        position += 1
        var isFound = false
        var keys: [String] = []
        var key: [UInt8] = []
        if peek() == UInt8(ascii: "}") {
            position += 1
        } else {
            repeat {
                key.removeAll(keepingCapacity: true)
                try readString(into: &key)
                try expect(":")
                if key == field {
                    guard peek() == UInt8(ascii: "\"") else {
                        throw JSONRecordProblem(
                            message: "field \"\(name(field))\" is \(found()), a string expected")
                    }
                    text.removeAll(keepingCapacity: true)
                    try readString(into: &text)
                    isFound = true
                } else {
                    if keys.count < 6 { keys.append(name(key)) }
                    try skipValue(depth: 1)
                }
            } while try hasNext(closing: "}")
        }
        guard isFound else {
            let present = keys.isEmpty ? "none" : keys.joined(separator: ", ")
            throw JSONRecordProblem(
                message: "no field \"\(name(field))\" (fields found: \(present)); "
                    + "name the one that holds the text")
        }
    }

    // MARK: Values

    private mutating func skipValue(depth: Int) throws(JSONRecordProblem) {
        guard depth < JSONRecordScanner.deepestNesting else {
            throw JSONRecordProblem(
                message: "nested deeper than \(JSONRecordScanner.deepestNesting)")
        }
        switch peek() {
        case UInt8(ascii: "\""):
            _ = try scanString()
        case UInt8(ascii: "{"):
            position += 1
            if peek() == UInt8(ascii: "}") {
                position += 1
                return
            }
            repeat {
                guard peek() == UInt8(ascii: "\"") else { throw unexpected("a key") }
                _ = try scanString()
                try expect(":")
                try skipValue(depth: depth + 1)
            } while try hasNext(closing: "}")
        case UInt8(ascii: "["):
            position += 1
            if peek() == UInt8(ascii: "]") {
                position += 1
                return
            }
            repeat { try skipValue(depth: depth + 1) } while try hasNext(closing: "]")
        default:
            try skipWord()
        }
    }

    private mutating func hasNext(closing: Unicode.Scalar) throws(JSONRecordProblem) -> Bool {
        switch peek() {
        case UInt8(ascii: ","): position += 1
        case UInt8(ascii: closing):
            position += 1
            return false
        default: throw unexpected("\",\" or \"\(closing)\"")
        }
        return true
    }

    /// A number or a literal.
    private mutating func skipWord() throws(JSONRecordProblem) {
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                position += 1
                continue
            default: break
            }
            break
        }
        guard position > start else { throw unexpected("a value") }
        let word = name(Array(bytes[start..<position]))
        switch word {
        case "true", "false", "null", "NaN", "Infinity", "-Infinity": return
        default:
            let digits = word.first == "-" ? word.dropFirst() : word[...]
            guard let first = digits.utf8.first, (0x30...0x39).contains(first),
                Double(word) != nil, !word.contains("x"), !word.contains("X"),
                word.last != ".", first != 0x30 || !isDigit(digits.utf8.dropFirst().first)
            else {
                position = start
                throw unexpected("a value")
            }
        }
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        byte.map { (0x30...0x39).contains($0) } ?? false
    }

    // MARK: Strings

    /// Moves past a string; returns where its content lies and whether it has escapes.
    private mutating func scanString() throws(JSONRecordProblem) -> (
        content: Range<Int>, escapes: Bool
    ) {
        guard peek() == UInt8(ascii: "\"") else { throw unexpected("a string") }
        position += 1
        let start = position
        var escapes = false
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return (start..<position - 1, escapes)
            }
            if byte == UInt8(ascii: "\\") {
                escapes = true
                position += 1
            }
            position += 1
        }
        position = bytes.count
        throw JSONRecordProblem(message: "a string does not end (record cut off)")
    }

    private mutating func readString(into text: inout [UInt8]) throws(JSONRecordProblem) {
        let (content, escapes) = try scanString()
        if escapes {
            try unescape(content, into: &text)
        } else {
            text.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[content]))
        }
    }

    private func unescape(_ content: Range<Int>, into text: inout [UInt8]) throws(JSONRecordProblem)
    {
        var index = content.lowerBound
        var plain = index
        while index < content.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            text.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[plain..<index]))
            let escape = bytes[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "t"): text.append(0x09)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
            case UInt8(ascii: "u"):
                let scalar = try unicodeEscape(&index, before: content.upperBound)
                text.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            default:
                throw JSONRecordProblem(
                    message: "escape \\\(Character(Unicode.Scalar(escape))) is not JSON")
            }
            plain = index
        }
        text.append(
            contentsOf: UnsafeRawBufferPointer(rebasing: bytes[plain..<content.upperBound]))
    }

    /// The character of `\uXXXX` whose digits begin at `index`, with its second half if it has one;
    /// half a pair alone becomes U+FFFD.
    private func unicodeEscape(
        _ index: inout Int, before end: Int
    ) throws(JSONRecordProblem) -> Unicode.Scalar {
        let first = try hexadecimal(index, before: end)
        index += 4
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, index + 6 <= end, bytes[index] == UInt8(ascii: "\\"),
            bytes[index + 1] == UInt8(ascii: "u")
        else { return "\u{FFFD}" }
        let second = try hexadecimal(index + 2, before: end)
        guard (0xDC00...0xDFFF).contains(second) else { return "\u{FFFD}" }
        index += 6
        return Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)) ?? "\u{FFFD}"
    }

    private func hexadecimal(_ start: Int, before end: Int) throws(JSONRecordProblem) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            guard index < end, let digit = Character(Unicode.Scalar(bytes[index])).hexDigitValue
            else {
                throw JSONRecordProblem(message: "\\u is not followed by four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    // MARK: Bytes

    /// The next byte that is not white space, not taken.
    private mutating func peek() -> UInt8? { skipSpace() ? bytes[position] : nil }

    private mutating func expect(_ character: Unicode.Scalar) throws(JSONRecordProblem) {
        guard peek() == UInt8(ascii: character) else { throw unexpected("\"\(character)\"") }
        position += 1
    }

    private mutating func unexpected(_ expected: String) -> JSONRecordProblem {
        JSONRecordProblem(
            message: "\(found()) found at byte \(position + 1) of the record, \(expected) expected")
    }

    /// What stands at the position, in words.
    private mutating func found() -> String {
        guard let byte = peek() else { return "the end" }
        switch byte {
        case UInt8(ascii: "{"): return "an object"
        case UInt8(ascii: "["): return "an array"
        case UInt8(ascii: "\""): return "a string"
        case UInt8(ascii: "n"): return "null"
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return "a boolean"
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return "a number"
        case 0x21...0x7E: return "\"\(Character(Unicode.Scalar(byte)))\""
        default: return "byte \(byte)"
        }
    }

    /// At most 40 bytes of a key, on one line.
    private func name(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(40), as: UTF8.self)
            .replacingLineBreaks()
    }
}

extension String {
    /// The text with line breaks and other control characters as spaces, for one-line messages.
    fileprivate func replacingLineBreaks() -> String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }
}
