package import Models
package import TextData

/// Texts and their targets, each side filled up to its longest.
package struct TextPairBatch: Sendable {
    package let rows: Int
    package let sources: [Int32]  // (B, S)
    /// Tokens of each text; 0 of a row that only fills the batch.
    package let lengths: [Int]  // (B)
    /// What the decoder reads: the targets, one place later.
    package let read: [Int32]  // (B, T)
    package let targets: [Int32]  // (B, T), −100 where there is no loss

    /// Takes apart rows whose targets follow their texts: what has no loss before the first target is
    /// the text.
    ///
    /// - Parameter start: what the decoder reads first.
    package init(_ batch: TokenBatch, start: Int32) {
        let pairs = (0..<batch.rows).map { row -> (ArraySlice<Int32>, ArraySlice<Int32>) in
            let places = row * batch.columns..<(row + 1) * batch.columns
            let targets = batch.targets[places]
            guard let first = targets.firstIndex(where: { $0 >= 0 }),
                let last = targets.lastIndex(where: { $0 >= 0 })
            else { return ([], []) }
            return (batch.ids[places.lowerBound...first], targets[first...last])
        }
        self.init(pairs, start: start)
    }

    /// - Parameters:
    ///   - pairs: texts and their targets; both empty for a row that only fills the batch.
    ///   - start: what the decoder reads first.
    package init(_ pairs: [(ArraySlice<Int32>, ArraySlice<Int32>)], start: Int32) {
        rows = pairs.count
        lengths = pairs.map(\.0.count)
        let sourceLength = Self.columns(lengths)
        let targetLength = Self.columns(pairs.map(\.1.count))
        func filled(_ ids: some Collection<Int32>, _ count: Int, with filler: Int32) -> [Int32] {
            ids + Array(repeating: filler, count: count - ids.count)
        }
        sources = pairs.flatMap { filled($0.0, sourceLength, with: 0) }
        read = pairs.flatMap { filled([start] + $0.1.dropLast(), targetLength, with: 0) }
        targets = pairs.flatMap {
            filled($0.1, targetLength, with: TokenBatch.ignoredTarget)
        }
    }

    /// Lengths are rounded up, so that few shapes of products occur.
    private static func columns(_ lengths: [Int]) -> Int {
        max(8, ((lengths.max() ?? 0) + 7) / 8 * 8)
    }

    /// The decoder's input, with the texts as its source.
    package var input: TokenInput {
        var input = TokenInput(ids: read, batch: rows)
        input.source = TokenSource(TokenInput(ids: sources, lengths: lengths))
        return input
    }
}
