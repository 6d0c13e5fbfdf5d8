/// What a Unicode scalar counts as in tokenizers' patterns. The first ten exclude each other.
struct ScalarClass: OptionSet, Sendable {
    let rawValue: UInt16

    /// \p{Lu} and \p{Lt}
    static let upper = Self(rawValue: 1 << 0)
    /// \p{Ll}
    static let lower = Self(rawValue: 1 << 1)
    /// \p{Lm} and \p{Lo}
    static let otherLetter = Self(rawValue: 1 << 2)
    /// \p{M}
    static let mark = Self(rawValue: 1 << 3)
    /// \p{N}
    static let number = Self(rawValue: 1 << 4)
    /// \p{P}
    static let punctuation = Self(rawValue: 1 << 5)
    /// \p{S}
    static let symbol = Self(rawValue: 1 << 6)
    /// \s without line ends
    static let space = Self(rawValue: 1 << 7)
    /// Carriage return and line feed
    static let newline = Self(rawValue: 1 << 8)
    /// Controls, format characters and what is not assigned
    static let other = Self(rawValue: 1 << 9)
    /// \w of Rust's regular expressions
    static let word = Self(rawValue: 1 << 10)
    /// Rust's `char::is_numeric`, which the Digits pre-tokenizer asks
    static let numeric = Self(rawValue: 1 << 11)
    /// NFC may change a text that holds one; a text without any is left alone
    static let composing = Self(rawValue: 1 << 12)
    /// What the StripAccents normalizer removes: \p{M} of Unicode 9
    static let accent = Self(rawValue: 1 << 13)
    /// What the BertPreTokenizer makes a word of its own: ASCII's signs, and \p{P} of Unicode 8
    static let isolated = Self(rawValue: 1 << 14)

    /// \p{L}
    static let letter: Self = [.upper, .lower, .otherLetter]
    /// \s
    static let whitespace: Self = [.space, .newline]
    /// [^\s\p{L}\p{N}]
    static let neither: Self = [.mark, .punctuation, .symbol, .other]
}

/// The class of every scalar, by look-up.
package struct ScalarClasses: Sendable {
    /// Indexed by scalar value.
    private let table: [UInt16]

    /// Expands the generated runs.
    package init() {
        var table: [UInt16] = []
        table.reserveCapacity(0x110000)
        var mask: UInt16 = 0
        var length = 0
        for byte in ScalarClassTable.runs.utf8 {
            if byte >= 0x30 && byte <= 0x39 {
                length = length * 10 + Int(byte - 0x30)
                continue
            }
            // A code letter: first write out the run before it.
            table.append(contentsOf: repeatElement(mask, count: max(length, 1)))
            let code = byte >= 0x61 ? Int(byte) - 0x61 + 26 : Int(byte) - 0x41
            mask = ScalarClassTable.masks[code]
            length = 0
        }
        table.append(contentsOf: repeatElement(mask, count: max(length, 1)))
        // The first letter wrote out a run of one that belongs to no code.
        table.removeFirst()
        precondition(table.count == 0x110000, "scalar classes: \(table.count) scalars in the table")
        self.table = table
    }

    /// The class of a scalar.
    func of(_ scalar: UInt32) -> ScalarClass { ScalarClass(rawValue: table[Int(scalar)]) }

    /// The class of the scalar that begins at byte `index` of valid UTF-8.
    @inline(__always)
    func at(_ index: Int, of bytes: [UInt8]) -> ScalarClass {
        if bytes[index] < 0x80 { return ScalarClass(rawValue: table[Int(bytes[index])]) }
        return of(Self.scalar(at: index, of: bytes))
    }

    /// Writes the class of each byte's scalar into `classes`, which grows if it is too short.
    func classify(_ bytes: [UInt8], into classes: inout [UInt16]) {
        if classes.count < bytes.count {
            classes.append(contentsOf: repeatElement(0, count: bytes.count - classes.count))
        }
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80 {
                classes[index] = table[Int(byte)]
                index += 1
            } else {
                let found = table[Int(Self.scalar(at: index, of: bytes))]
                for _ in 0..<Self.length(startingWith: byte) {
                    classes[index] = found
                    index += 1
                }
            }
        }
    }

    /// Bytes of the scalar whose first byte this is.
    @inline(__always)
    package static func length(startingWith byte: UInt8) -> Int {
        byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
    }

    /// The scalar that begins at byte `index` of valid UTF-8.
    @inline(__always)
    package static func scalar(at index: Int, of bytes: [UInt8]) -> UInt32 {
        let first = UInt32(bytes[index])
        if first < 0x80 { return first }
        let second = UInt32(bytes[index + 1] & 0x3F)
        if first < 0xE0 { return (first & 0x1F) << 6 | second }
        let third = UInt32(bytes[index + 2] & 0x3F)
        if first < 0xF0 { return (first & 0x0F) << 12 | second << 6 | third }
        return (first & 0x07) << 18 | second << 12 | third << 6 | UInt32(bytes[index + 3] & 0x3F)
    }

    /// Where the scalar that ends before byte `end` of valid UTF-8 begins.
    @inline(__always)
    static func start(before end: Int, of bytes: [UInt8]) -> Int {
        var index = end - 1
        while bytes[index] & 0xC0 == 0x80 { index -= 1 }
        return index
    }
}
