import Files

/// SentencePiece's way with spaces: each becomes a mark that begins a word.
package struct Metaspace: Sendable, Equatable {
    /// Which pieces of a text get a mark before them.
    package enum Prepending: String, Sendable {
        case always, first, never
    }

    /// The mark, one character.
    package let replacement: String
    package let prepends: Prepending
    /// Whether every mark begins a word of its own.
    package let splits: Bool

    /// The usual mark, U+2581.
    package static let mark = "\u{2581}"

    /// A rule.
    package init(replacement: String, prepends: Prepending, splits: Bool) {
        self.replacement = replacement
        self.prepends = prepends
        self.splits = splits
    }

    /// Reads a Metaspace pre-tokenizer or decoder of tokenizer.json; `nil` for an unknown one.
    init?(_ json: JSONValue) {
        guard let mark = json["replacement"]?.string, mark.unicodeScalars.count == 1 else {
            return nil
        }
        replacement = mark
        let older = json["add_prefix_space"]?.bool ?? true
        let scheme = json["prepend_scheme"]?.string ?? (older ? "always" : "never")
        guard let prepends = Prepending(rawValue: scheme) else { return nil }
        self.prepends = prepends
        splits = json["split"]?.bool ?? true
    }

    /// What tokenizer.json says for this rule.
    var json: JSONValue {
        .typed(
            "Metaspace",
            [
                ("replacement", .string(replacement)),
                ("prepend_scheme", .string(prepends.rawValue)),
                ("split", .bool(splits)),
            ])
    }

    /// Adds a piece with its spaces marked to `bytes`, and the ends of its words to `ends`.
    ///
    /// - Parameter isFirst: the piece begins the text as it was given.
    func append(
        _ piece: ArraySlice<UInt8>, isFirst: Bool, to bytes: inout [UInt8], _ ends: inout [Int]
    ) {
        let mark = Array(replacement.utf8)
        let begins = piece.first == 0x20 || piece.starts(with: mark)
        let start = bytes.count
        if !begins, prepends == .always || prepends == .first && isFirst { bytes += mark }
        var index = piece.startIndex
        while index < piece.endIndex {
            let byte = piece[index]
            let isMark =
                byte == 0x20 || byte == mark[0] && piece[index...].starts(with: mark)
            if isMark {
                if splits, bytes.count > start { ends.append(bytes.count) }
                bytes += mark
                index += byte == 0x20 ? 1 : mark.count
            } else {
                bytes.append(byte)
                index += 1
            }
        }
        ends.append(bytes.count)
    }
}
