import Kernels
package import Models

/// Texts one behind the other in a single row, none of which sees another: they cost what their tokens
/// cost, however their lengths differ.
package struct PackedTexts {
    /// The tokens of each text in the row.
    package let ranges: [Range<Int>]
    package let input: TokenInput

    /// - Parameter texts: none of them empty; of a model's ``ModelDescription/angleLimit`` at most, where
    ///   there are several.
    package init(_ texts: [MarkedIDs]) {
        var ranges: [Range<Int>] = []
        var (positions, queries, keys, types): ([Int32], [Int32], [Int32], [Int32]) = (
            [], [], [], []
        )
        for (number, text) in texts.enumerated() {
            let (count, segment) = (text.ids.count, Int32(number + 1))
            ranges.append(positions.count..<positions.count + count)
            positions += (0..<count).map(Int32.init)
            queries += Array(repeating: segment, count: count)
            // Segment 0 is no text's: nobody sees what only fills up.
            keys +=
                text.mask.map { $0.map { $0 != 0 ? segment : 0 } }
                ?? Array(repeating: segment, count: count)
            types += text.types ?? Array(repeating: 0, count: count)
        }
        var input = TokenInput(ids: texts.flatMap(\.ids), batch: 1)
        input.positions = positions
        input.types = types.contains { $0 != 0 } ? types : nil
        input.mask = AttentionMask(queries: queries, keys: keys)
        self.ranges = ranges
        self.input = input
    }

    /// Which texts share a row: those of similar length, so that few are read at once beside a long one.
    ///
    /// - Parameters:
    ///   - lengths: of the texts, in tokens.
    ///   - capacity: tokens of a row; a longer text has one for itself.
    ///   - longest: of a text that may stand beside others.
    /// - Returns: numbers of texts, each once.
    package static func rows(
        ofLengths lengths: [Int], capacity: Int, longest: Int = .max
    ) -> [[Int]] {
        let order = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        var rows: [[Int]] = []
        var used = 0
        for text in order {
            let length = lengths[text]
            let fits = !rows.isEmpty && length <= longest && used + length <= capacity
            if fits {
                rows[rows.count - 1].append(text)
                used += length
            } else {
                rows.append([text])
                used = length
            }
        }
        return rows
    }
}
