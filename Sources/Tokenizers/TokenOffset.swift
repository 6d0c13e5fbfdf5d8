/// Where a token stands in its text: code points from `start` up to `end`, as Hugging Face's
/// `offset_mapping` has it.
///
/// Tokens that the tokenizer puts have (0, 0). Where marks changed places, the end may come first.
package struct TokenOffset: Sendable, Equatable {
    package var start: Int32
    package var end: Int32

    package init(_ start: Int32, _ end: Int32) {
        self.start = start
        self.end = end
    }

    package static let none = TokenOffset(0, 0)
}

/// The tokens of a text, and where each stands in it.
package struct LocatedTokens: Sendable {
    package internal(set) var ids: [Int32] = []
    /// As many, with the blanks that tokens begin and end with.
    var offsets: [TokenOffset] = []
    /// The blanks of each, where the tokenizer's template leaves them out of offsets; else empty.
    var blanks: [Blanks] = []

    /// Blanks that a token begins and ends with.
    struct Blanks {
        var leading: Int32 = 0
        var trailing: Int32 = 0

        /// - Parameter isMark: whether a scalar stands for a blank, besides white space.
        init(of text: String, _ isBlank: (Unicode.Scalar) -> Bool) {
            let scalars = text.unicodeScalars
            leading = Int32(scalars.prefix(while: isBlank).count)
            trailing = Int32(scalars.reversed().prefix(while: isBlank).count)
        }
    }

    /// The offset of a token without blanks, as Hugging Face's `process_offsets` leaves it.
    ///
    /// - Parameter prefixed: for each template that leaves them out, whether a text's first blank may
    ///   be one that was put there.
    fileprivate func offset(_ place: Int, isFirst: Bool, prefixed: [Bool]) -> TokenOffset {
        var offset = offsets[place]
        guard !prefixed.isEmpty, blanks.indices.contains(place) else { return offset }
        for mayBePut in prefixed {
            var leading = blanks[place].leading
            let trailing = blanks[place].trailing
            if leading > 0 {
                // Of several none was put there.
                if mayBePut, leading == 1, isFirst || offset.start == 0 { leading = 0 }
                offset.start = min(offset.start + leading, offset.end)
            }
            if trailing > 0, offset.end >= trailing {
                offset.end = max(offset.end - trailing, offset.start)
            }
        }
        return offset
    }
}

extension Tokenizer {
    /// Where the tokens of an assembled text, or pair, stand in their texts.
    ///
    /// - Parameters:
    ///   - encoded: made of the tokens of `first` and `second`.
    package func offsets(
        of encoded: EncodedText, _ first: LocatedTokens, _ second: LocatedTokens? = nil
    ) -> [TokenOffset] {
        let prefixed = postProcessor.trims
        var begun: Set<EncodedText.Source> = []
        return encoded.sources.indices.map { index in
            let source = encoded.sources[index]
            guard source != .none, let text = source == .first ? first : second else {
                return .none
            }
            return text.offset(
                encoded.places[index], isFirst: begun.insert(source).inserted, prefixed: prefixed)
        }
    }

    /// The tokens of one text, without those of a template, and where they stand.
    package func located(_ text: String) -> (ids: [Int32], offsets: [TokenOffset]) {
        let tokens = encodeWithOffsets(text)
        let prefixed = postProcessor.trims
        let offsets = tokens.ids.indices.map {
            tokens.offset($0, isFirst: $0 == 0, prefixed: prefixed)
        }
        return (tokens.ids, offsets)
    }
}
