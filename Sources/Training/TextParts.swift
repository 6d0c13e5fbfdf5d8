package import Tokenizers

/// Ids of parts of a text, which a blank need not stand before.
package struct TextParts: Sendable {
    private let tokenizer: any Tokenizer
    private let guardIDs: [Int32]

    /// Stands before a part while it is encoded, as CodeLlama's code has it: a tokenizer that puts a blank
    /// before a text puts it there.
    private static let guardText = Array("☺".utf8)

    package init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
        guardIDs = tokenizer.encode(utf8: Self.guardText, addSpecialTokens: false)
    }

    /// `nil` where they do not give the part again.
    package func ids(of part: [UInt8]) -> [Int32]? {
        let ids = tokenizer.encode(utf8: part, addSpecialTokens: false)
        // Behind other tokens, as it will stand.
        if bytes(of: ids) == part { return ids }
        let guarded = tokenizer.encode(utf8: Self.guardText + part, addSpecialTokens: false)
        guard guarded.starts(with: guardIDs) else { return nil }
        let rest = Array(guarded.dropFirst(guardIDs.count))
        return bytes(of: rest) == part ? rest : nil
    }

    /// What ids add to a text behind others.
    package func bytes(of ids: [Int32]) -> [UInt8] {
        let before = tokenizer.decodeBytes(guardIDs).count
        return Array(tokenizer.decodeBytes(guardIDs + ids).dropFirst(before))
    }
}
