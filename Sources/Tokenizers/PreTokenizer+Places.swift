extension PreTokenizer.Stage {
    /// The places of the bytes that this cut leaves of a text, from those of the bytes before it.
    ///
    /// - Parameters:
    ///   - places: one for each byte of `text`.
    ///   - pieces: where the pieces of the text end.
    ///   - isFirst: the text begins what was given to the tokenizer.
    func places(
        _ places: [TokenOffset], of text: ClassifiedText, pieces: [Int], isFirst: Bool
    ) -> [TokenOffset] {
        var result: [TokenOffset] = []
        result.reserveCapacity(places.count + 8)
        var start = 0
        switch self {
        case .prefixSpace:
            for end in pieces {
                if text.bytes[start] != UInt8(ascii: " ") { result.append(places[start]) }
                result += places[start..<end]
                start = end
            }
        case .metaspace(let rule):
            for end in pieces {
                rule.append(
                    places, text.bytes[start..<end], isFirst: isFirst && start == 0, to: &result)
                start = end
            }
        case .whitespace, .whitespaceAndSigns, .bert:
            for index in places.indices where !text.is(index, .whitespace) {
                result.append(places[index])
            }
        case .separator(let separator, .removed):
            let separator = Array(separator.utf8)
            for end in pieces {
                while start < end {
                    if text.bytes[start..<end].starts(with: separator) {
                        start += separator.count
                    } else {
                        result.append(places[start])
                        start += 1
                    }
                }
            }
        case .separator, .split, .digits, .punctuation, .marks: return places
        }
        return result
    }
}

extension Metaspace {
    /// Adds the places of what ``append(_:isFirst:to:_:)`` makes of a piece.
    fileprivate func append(
        _ places: [TokenOffset], _ piece: ArraySlice<UInt8>, isFirst: Bool,
        to result: inout [TokenOffset]
    ) {
        let mark = Array(replacement.utf8)
        let begins = piece.first == 0x20 || piece.starts(with: mark)
        if !begins, prepends == .always || prepends == .first && isFirst {
            result += repeatElement(places[piece.startIndex], count: mark.count)
        }
        for index in piece.indices {
            let count = piece[index] == 0x20 ? mark.count : 1
            result += repeatElement(places[index], count: count)
        }
    }
}
