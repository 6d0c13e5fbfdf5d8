import Kernels
package import Models
package import TextData

/// Texts and their targets, each side filled up to its longest.
package struct TextPairBatch: Sendable {
    package let rows: Int
    package let sources: [Int32]  // (B, S)
    /// (B, S): 1 for a token, 0 for what only fills up; `nil` where nothing does.
    package let mask: [Int32]?
    /// What the decoder reads: the targets, one place later.
    package let read: [Int32]  // (B, T)
    package let targets: [Int32]  // (B, T), −100 where there is no loss

    /// Takes apart rows whose targets follow their texts: what has no loss before the first target is
    /// the text.
    ///
    /// - Parameter start: what the decoder reads first.
    package init(_ batch: TokenBatch, start: Int32) {
        rows = batch.rows
        let pairs = (0..<batch.rows).map { row -> (ArraySlice<Int32>, ArraySlice<Int32>) in
            let places = row * batch.columns..<(row + 1) * batch.columns
            let targets = batch.targets[places]
            guard let first = targets.firstIndex(where: { $0 >= 0 }),
                let last = targets.lastIndex(where: { $0 >= 0 })
            else { return ([], []) }
            return (batch.ids[places.lowerBound...first], targets[first...last])
        }
        let sourceLength = Self.columns(pairs.map(\.0.count))
        let targetLength = Self.columns(pairs.map(\.1.count))
        func filled(_ ids: some Collection<Int32>, _ count: Int, with filler: Int32) -> [Int32] {
            ids + Array(repeating: filler, count: count - ids.count)
        }
        sources = pairs.flatMap { filled($0.0, sourceLength, with: 0) }
        mask =
            pairs.allSatisfy { $0.0.count == sourceLength }
            ? nil
            : pairs.flatMap { filled($0.0.map { _ in 1 }, sourceLength, with: 0) }
        read = pairs.flatMap { filled([start] + $0.1.dropLast(), max(targetLength, 1), with: 0) }
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
        var source = TokenInput(ids: sources, batch: rows)
        if let mask {
            source.mask = AttentionMask(
                queries: Array(repeating: 1, count: mask.count), keys: mask)
        }
        var input = TokenInput(ids: read, batch: rows)
        input.source = TokenSource(source)
        return input
    }
}
