/// A place in the bytes of JSON text (RFC 8259), and what every reader takes from there: marks,
/// words and strings.
package struct JSONScanner {
    /// What was wanted at the scanner's place and is not there.
    package struct Mistake: Error {
        /// What is there instead; `nil` for the bytes themselves.
        package var found: String?
        package let expected: String
        /// Bytes before the place.
        package var offset = 0

        package init(found: String? = nil, expected: String) {
            self.found = found
            self.expected = expected
        }
    }

    package let bytes: ArraySlice<UInt8>
    package var index: Int

    /// A scanner at the first of `bytes`.
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    /// Bytes from the first one to the scanner's place.
    package var offset: Int { index - bytes.startIndex }
    package var isAtEnd: Bool { index == bytes.endIndex }
    /// The byte at the scanner's place; `nil` at the end.
    package var next: UInt8? { isAtEnd ? nil : bytes[index] }

    /// Passes over white space.
    package mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            index += 1
        }
    }

    /// Passes over white space, and then over `character` if that is there.
    package mutating func take(_ character: UInt8) -> Bool {
        skipSpace()
        guard next == character else { return false }
        index += 1
        return true
    }

    /// Passes over `word`.
    package mutating func word(_ word: String) throws(Mistake) {
        guard bytes[index...].starts(with: word.utf8) else { throw Mistake(expected: "a value") }
        index += word.utf8.count
    }

    /// Passes over a key of an object and its colon.
    package mutating func key() throws(Mistake) -> String {
        skipSpace()
        guard next == UInt8(ascii: "\"") else {
            throw Mistake(expected: "a key in quotation marks")
        }
        let key = try string()
        guard take(UInt8(ascii: ":")) else { throw Mistake(expected: "':'") }
        return key
    }

    /// Passes over a string; its quotation mark is the next byte.
    package mutating func string() throws(Mistake) -> String {
        index += 1
        var start = index
        var parts: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                let tail = bytes[start..<index]
                index += 1
                let whole = parts.isEmpty ? tail : (parts + tail)[...]
                guard let text = String(validating: whole, as: UTF8.self) else {
                    throw Mistake(found: "bytes that are no UTF-8", expected: "UTF-8 text")
                }
                return text
            case UInt8(ascii: "\\"):
                parts += bytes[start..<index]
                index += 1
                parts += String(try escape()).utf8
                start = index
            case 0..<0x20: throw Mistake(expected: "a control character written as an escape")
            default: index += 1
            }
        }
        throw Mistake(expected: "the end of a text, '\"'")
    }

    private mutating func escape() throws(Mistake) -> Unicode.Scalar {
        let scalar: Unicode.Scalar
        switch next {
        case UInt8(ascii: "u"):
            index += 1
            return try unicodeEscape()
        case UInt8(ascii: "\""): scalar = "\""
        case UInt8(ascii: "\\"): scalar = "\\"
        case UInt8(ascii: "/"): scalar = "/"
        case UInt8(ascii: "b"): scalar = "\u{8}"
        case UInt8(ascii: "f"): scalar = "\u{C}"
        case UInt8(ascii: "n"): scalar = "\n"
        case UInt8(ascii: "r"): scalar = "\r"
        case UInt8(ascii: "t"): scalar = "\t"
        default: throw Mistake(expected: "an escape")
        }
        index += 1
        return scalar
    }

    private mutating func unicodeEscape() throws(Mistake) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        // A surrogate: the low half must follow, for half a pair is no text.
        guard first < 0xDC00, bytes[index...].starts(with: #"\u"#.utf8) else {
            throw Mistake(expected: "the second half of a surrogate pair")
        }
        index += 2
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw Mistake(expected: "the second half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Mistake) -> UInt32 {
        guard index + 4 <= bytes.endIndex,
            let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw Mistake(expected: "four hexadecimal digits") }
        index += 4
        return value
    }
}
