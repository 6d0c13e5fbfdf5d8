/// A text's ids with the places of its white space, which a vocabulary such as BERT's does not keep: the
/// first id behind white space is raised by the vocabulary's size.
package struct SpacedText: Sendable {
    private let vocabulary: Int32

    /// - Parameter vocabulary: ids are below this.
    package init(vocabulary: Int) { self.vocabulary = Int32(vocabulary) }

    /// - Parameters:
    ///   - utf8: a text, or a piece that begins where a word does.
    ///   - encode: gives the same ids for a text's words as for the text.
    package func ids(_ utf8: [UInt8], _ encode: ([UInt8]) -> [Int32]) -> [Int32] {
        let text = String(decoding: utf8, as: UTF8.self).unicodeScalars
        return text.split(whereSeparator: Self.isSpace).flatMap { word in
            var ids = encode(Array(String(Substring(word)).utf8))
            if let first = ids.first { ids[0] = first + vocabulary }
            return ids
        }
    }

    /// What BERT's normalizer makes a blank.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\t", "\n", "\r": true
        default:
            switch scalar.properties.generalCategory {
            case .spaceSeparator, .lineSeparator, .paragraphSeparator: true
            default: false
            }
        }
    }
}
