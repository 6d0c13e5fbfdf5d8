import Testing
import TokenizerSupport
import Tokenizers

/// A folder of Tests/References with kinds of tokenizers, and what Hugging Face's program makes of texts
/// with each of them.
protocol ReferenceFixtures {
    static var shared: TokenizerFixtures { get }

    /// Texts as bytes; some are not UTF-8.
    func texts() throws -> [[UInt8]]
    func tokenizer(_ kind: String) throws -> any Tokenizer
}

extension ReferenceFixtures {
    /// Rows of a file of numbers, by kind.
    static func rows(_ file: String) throws -> [String] {
        try shared.text(file).split(separator: "\n").map(String.init)
    }

    /// The low 32 bits of FNV-1a, in hexadecimal.
    func digest(_ text: String) -> String {
        String(Self.shared.hash(text) & 0xFFFF_FFFF, radix: 16)
    }

    /// Expects the numbers of a row of ids.txt: of each text how many ids it has, their hash, and the hash
    /// of what they decode to with and without special tokens.
    func expectIdsAndText(_ row: String, at place: SourceLocation = #_sourceLocation) throws {
        let fields = row.split(separator: " ").map(String.init)
        let tokenizer = try tokenizer(fields[0])
        let texts = try texts()
        #expect(texts.count == fields.count - 1, sourceLocation: place)
        for (text, expected) in zip(texts, fields.dropFirst()) {
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: true)
            let hash = digest(ids.map(String.init).joined(separator: " "))
            let decoded = [false, true].map { tokenizer.decode(ids, skipSpecialTokens: $0) }
            let decodedHash = digest(decoded.joined(separator: "\n"))
            #expect(
                "\(ids.count):\(hash):\(decodedHash)" == expected,
                "\(fields[0]): \(String(decoding: text, as: UTF8.self).debugDescription): \(ids)",
                sourceLocation: place)
        }
    }
}
