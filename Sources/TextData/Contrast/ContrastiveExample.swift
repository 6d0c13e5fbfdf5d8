import Files

/// Texts of which the first two belong together: an anchor, its positive, and hard negatives.
package struct ContrastiveExample: Sendable, Equatable {
    /// Ids of each text, with special tokens; the same number in all examples of a run.
    package let texts: [LabeledExample]

    package init(_ texts: [LabeledExample]) {
        precondition(texts.count > 1, "an example of \(texts.count) texts")
        self.texts = texts
    }

    /// Ids of all texts.
    package var tokenCount: Int { texts.reduce(0) { $0 + $1.ids.count } }
}

/// Some examples: one micro-batch of one rank.
package struct ContrastiveBatch: Sendable, Equatable {
    /// The anchors, the positives, and each column of hard negatives, (B, T) with a T of its own.
    package let texts: [LabeledBatch]

    /// - Parameters:
    ///   - examples: `nil` for a row that only fills the batch.
    ///   - count: texts of an example.
    ///   - sampleIDs: one for each.
    package init(_ examples: [ContrastiveExample?], texts count: Int, sampleIDs: [UInt64]) {
        texts = (0..<count).map { text in
            LabeledBatch(examples.map { $0?.texts[text] }, sampleIDs: sampleIDs)
        }
    }

    private init(_ texts: [LabeledBatch]) { self.texts = texts }

    /// Examples, B.
    package var rows: Int { texts[0].rows }
    /// As of ``TokenBatch``; (B).
    package var sampleIDs: [UInt64] { texts[0].sampleIDs }
    package var tokenCount: Int { texts.reduce(0) { $0 + $1.tokenCount } }

    /// One row as a batch of its own.
    package func row(_ row: Int) -> ContrastiveBatch { ContrastiveBatch(texts.map { $0.row(row) }) }
}

/// Examples by number.
package struct ContrastiveSamples: SampleSource {
    private let examples: [ContrastiveExample]

    package init(_ examples: [ContrastiveExample]) { self.examples = examples }

    package var count: Int { examples.count }
    package var hasSegments: Bool { false }
    package func columns(forLongest length: Int) -> Int { length }
    package func length(of sample: Int) -> Int { max(1, examples[sample].tokenCount) }

    /// The ids alone, one text behind another, without targets.
    package func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {
        for (column, id) in examples[sample].texts.flatMap(\.ids).enumerated() {
            batch.ids[row * batch.columns + column] = id
        }
    }

    package func batch(_ samples: [Int?], ids: [UInt64]) -> ContrastiveBatch {
        ContrastiveBatch(
            samples.map { $0.map { examples[$0] } }, texts: examples.first?.texts.count ?? 2,
            sampleIDs: ids)
    }
}

extension LabeledBatch {
    /// A number of 48 bits that equal texts have, and no others but by chance.
    package func identity(of row: Int) -> UInt64 {
        LabeledExample.identity(
            of: ids[row * columns..<row * columns + lengths[row]])
    }
}

extension LabeledExample {
    /// As of ``LabeledBatch``.
    package var identity: UInt64 { Self.identity(of: ids[...]) }

    fileprivate static func identity(of ids: ArraySlice<Int32>) -> UInt64 {
        var hash = FNV1a()
        for id in ids {
            for shift in [0, 8, 16, 24] { hash.add(UInt8(truncatingIfNeeded: id >> shift)) }
        }
        return (hash.value ^ hash.value >> 48) & 0xFFFF_FFFF_FFFF
    }
}
