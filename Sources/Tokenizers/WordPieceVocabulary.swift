/// vocab.txt: BERT's vocabulary as its makers write it, a token a line, numbered from 0.
package enum WordPieceVocabulary {
    package static let file = "vocab.txt"

    /// The tokenizer.json of a vocabulary under BERT's usual rules.
    ///
    /// White space at the end of a line is no part of its token, as in Hugging Face's reader.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for a token listed twice, and without
    ///   one for what is unknown.
    static func definition(_ text: String) throws(TokenizerError) -> TokenizerDefinition {
        var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.count <= 1 << 24 else {
            throw .invalid(
                file: file, key: "the file", found: "\(lines.count) lines",
                expected: "at most \(1 << 24)")
        }
        var tokens = [String?](repeating: nil, count: lines.count)
        var places: [[UInt8]: Int] = [:]
        for (place, line) in lines.enumerated() {
            var scalars = String(decoding: line, as: UTF8.self).unicodeScalars[...]
            while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
            let token = String(scalars)
            if let earlier = places.updateValue(place, forKey: Array(token.utf8)) {
                guard token.isEmpty else {
                    throw .invalid(
                        file: file, key: "line \(place + 1)", found: "\"\(token)\" once more",
                        expected: "each token once, and it is that of line \(earlier + 1)")
                }
                tokens[earlier] = nil
            }
            tokens[place] = token
        }
        guard let unknown = ["[UNK]", "<unk>"].first(where: { places[Array($0.utf8)] != nil })
        else {
            throw .invalid(
                file: file, key: "the file", found: "no [UNK] among \(lines.count) tokens",
                expected: "a token for unknown words")
        }
        let rules = WordPieceRules()
        return TokenizerDefinition(
            tokens: tokens, merges: [], addedTokens: [], normalizer: .bert(BertRules()),
            preTokenizer: .bert, unknownToken: unknown, wordPieces: rules,
            decoder: .wordPiece(rules.continuation))
    }

    /// The text of vocab.txt.
    package static func text(_ tokens: [String?]) -> String {
        tokens.reduce(into: "") { $0 += ($1 ?? "") + "\n" }
    }
}
