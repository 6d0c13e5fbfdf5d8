import Tokenizers

/// Where the tokens of a text stand in it, to tell those of one part from those of another.
struct TokenPlaces {
    let ids: [Int32]
    private let text: String
    private let tokenizer: any Tokenizer
    /// Offsets in UTF-8 at which the tokens end; `nil` where the tokenizer's bytes are not the
    /// text's, as behind a normalizer.
    private let ends: [Int]?

    init(_ text: String, _ tokenizer: any Tokenizer) {
        self.text = text
        self.tokenizer = tokenizer
        ids = tokenizer.encode(text, addSpecialTokens: false)
        var position = DecodingPosition()
        var bytes: [UInt8] = []
        var ends: [Int] = []
        for id in ids {
            bytes += tokenizer.bytes(of: id, at: &position)
            ends.append(bytes.count)
        }
        self.ends = bytes.elementsEqual(text.utf8) ? ends : nil
    }

    /// The first token that has anything from `offset` on.
    func first(at offset: Int) -> Int {
        guard let ends else { return common(offset) }
        return ends.firstIndex { $0 > offset } ?? ids.count
    }

    /// The token after the last one that has anything before `offset`.
    func end(at offset: Int) -> Int {
        if offset == 0 { return 0 }
        guard let ends else {
            let alone = encoded(offset).count
            let same = common(offset)
            return same == alone ? same : min(same + 1, ids.count)
        }
        return (ends.firstIndex { $0 >= offset } ?? ids.count - 1) + 1
    }

    private func encoded(_ offset: Int) -> [Int32] {
        tokenizer.encode(
            String(decoding: text.utf8.prefix(offset), as: UTF8.self), addSpecialTokens: false)
    }

    /// Tokens that the text up to `offset` has in common with the whole.
    private func common(_ offset: Int) -> Int {
        zip(encoded(offset), ids).prefix { $0 == $1 }.count
    }
}
