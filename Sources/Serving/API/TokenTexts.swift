import Tokenizers

/// The bytes that each token stands for within a text.
struct TokenTexts: Sendable {
    private let tokenizer: any Tokenizer
    /// A place that is not a text's beginning, where some tokens lose a space.
    private let position: DecodingPosition

    init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
        var position = DecodingPosition()
        for id in tokenizer.encode("a b", addSpecialTokens: false) {
            _ = tokenizer.bytes(of: id, at: &position)
        }
        self.position = position
    }

    func isSpecial(_ id: Int32) -> Bool { tokenizer.isSpecial(id) }

    func bytes(of id: Int32) -> [UInt8] {
        var position = position
        return tokenizer.bytes(of: id, at: &position)
    }
}
