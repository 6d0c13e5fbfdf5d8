/// Ids to text, one at a time, as a model generates them.
///
/// The texts it gives, joined, are ``Tokenizer/decode(_:skipSpecialTokens:)`` of all ids, but for
/// byte tokens that are no UTF-8: those become U+FFFD by maximal parts as soon as that is certain.
struct DecodingStream: Sendable {
    private let tokenizer: any Tokenizer
    private let skipsSpecialTokens: Bool
    private var position = DecodingPosition()
    /// The bytes of a character whose end is still to come.
    private var rest: [UInt8] = []

    /// A stream at the beginning of a text.
    init(_ tokenizer: any Tokenizer, skipsSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipsSpecialTokens = skipsSpecialTokens
    }

    /// The text that `id` completes; empty while a character is not whole.
    mutating func append(_ id: Int32) -> String {
        if skipsSpecialTokens, tokenizer.isSpecial(id) { return "" }
        rest += tokenizer.bytes(of: id, at: &position)
        let whole = rest.count - Self.openBytes(rest)
        let text = String(decoding: rest[..<whole], as: UTF8.self)
        rest.removeFirst(whole)
        return text
    }

    /// What is left when no more ids come: a broken character, as U+FFFD, or nothing.
    mutating func finish() -> String {
        defer { rest = [] }
        return String(decoding: rest, as: UTF8.self)
    }

    /// Bytes at the end that may yet become a character.
    private static func openBytes(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xC0 == 0x80 { continue }
            guard byte >= 0xC2, byte <= 0xF4 else { return 0 }
            guard ScalarClasses.length(startingWith: byte) > count else { return 0 }
            // More continuation bytes help only where those so far may follow this first byte: all
            // that is there must be one maximal part, which decodes to a single U+FFFD.
            let part = String(decoding: bytes.suffix(count), as: UTF8.self)
            return part.unicodeScalars.count == 1 ? count : 0
        }
        return 0
    }
}

/// Where in a text decoding stands.
package struct DecodingPosition: Sendable {
    /// No token has come yet.
    var isStart = true
    /// Characters that have come off the start of the text; `nil` once something else came.
    var stripped: Int? = 0

    /// The beginning of a text.
    package init() {}
}
