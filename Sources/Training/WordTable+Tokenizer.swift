import Files
package import Masking
package import Tokenizers

extension WordTable {
    /// Where words begin among a tokenizer's tokens: behind white space, or, in a vocabulary that does not
    /// keep that, where a token has no mark of going on.
    package init(_ tokenizer: any Tokenizer) {
        let mark = Self.mark(of: tokenizer)
        let size = Int32(tokenizer.vocabularySize)
        self.init(
            goesOn: (0..<size).map { id in
                guard let token = tokenizer.token(of: id), !tokenizer.isSpecial(id) else {
                    return false
                }
                if let mark { return token.hasPrefix(mark) }
                return token.unicodeScalars.first.map { !blanks.contains($0) } ?? false
            })
    }

    /// What a WordPiece vocabulary's tokens begin with that go on in a word; `nil` where the tokenizer is of
    /// another kind, whose tokens hold white space.
    static func mark(of tokenizer: any Tokenizer) -> String? {
        let model = (try? JSONValueReader.read(tokenizer.fileText))?["model"]
        guard model?["type"]?.string == "WordPiece" else { return nil }
        return model?["continuing_subword_prefix"]?.string ?? "##"
    }
}

/// White space as tokens spell it: in GPT-2's stand-ins for bytes, as SentencePiece's mark, as it is.
private let blanks: Set<Unicode.Scalar> = ["Ġ", "Ċ", "ĉ", "č", "▁", " ", "\n", "\t", "\r"]
