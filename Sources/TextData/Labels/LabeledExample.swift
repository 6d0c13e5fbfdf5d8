/// What a text is labelled with.
package enum ExampleLabel: Sendable, Equatable {
    /// Nothing: it is only to be given one.
    case none
    /// One of the labels.
    case one(Int32)
    /// 1 for each label that it has and 0 for the others, or numbers.
    case numbers([Float])
    /// A label of each token; ``TokenBatch/ignoredTarget`` for those without, ``unknown`` for those
    /// that are only to be given one.
    case each([Int32])
    /// The first and the last token of an answer.
    case span(start: Int32, end: Int32)

    package static let unknown: Int32 = -1
}

/// A text, or a pair of texts, with its label.
package struct LabeledExample: Sendable, Equatable {
    package var ids: [Int32]
    /// Which text each token belongs to; `nil` where all belong to the first.
    package var types: [Int32]?
    package var label: ExampleLabel

    package init(ids: [Int32], types: [Int32]? = nil, label: ExampleLabel) {
        self.ids = ids
        self.types = types
        self.label = label
    }

    /// Whether it says what its label is.
    package var isLabelled: Bool {
        switch label {
        case .none: false
        case .one, .numbers, .span: true
        case .each(let labels): labels.contains { $0 >= 0 }
        }
    }
}

/// Some texts with their labels: one micro-batch of one rank.
package struct LabeledBatch: Sendable, Equatable {
    /// Texts, B.
    package let rows: Int
    /// Tokens of the longest text, T.
    package let columns: Int
    /// (B, T), rows filled up with 0 behind their texts.
    package let ids: [Int32]
    /// (B, T); `nil` where all tokens belong to first texts.
    package let types: [Int32]?
    /// (B), tokens of each text, 1 at least.
    package let lengths: [Int]
    package let labels: [ExampleLabel]  // (B)
    /// As of ``TokenBatch``.
    package let sampleIDs: [UInt64]  // (B)

    /// - Parameters:
    ///   - examples: `nil` for a row that only fills the batch.
    ///   - sampleIDs: one for each.
    package init(_ examples: [LabeledExample?], sampleIDs: [UInt64]) {
        rows = examples.count
        let columns = Swift.max(1, examples.map { $0?.ids.count ?? 1 }.max() ?? 1)
        self.columns = columns
        func filled(_ numbers: [Int32]) -> [Int32] {
            numbers + Array(repeating: 0, count: columns - numbers.count)
        }
        ids = examples.flatMap { filled($0?.ids ?? []) }
        types =
            examples.contains { $0?.types != nil }
            ? examples.flatMap { filled($0?.types ?? []) } : nil
        lengths = examples.map { Swift.max(1, $0?.ids.count ?? 1) }
        labels = examples.map { $0?.label ?? .none }
        self.sampleIDs = zip(examples, sampleIDs).map { $0 == nil ? TokenBatch.fillerID : $1 }
    }

    private init(row: Int, of batch: LabeledBatch) {
        let length = batch.lengths[row]
        let part = row * batch.columns..<row * batch.columns + length
        (rows, columns, lengths) = (1, length, [length])
        ids = Array(batch.ids[part])
        types = batch.types.map { Array($0[part]) }
        labels = [batch.labels[row]]
        sampleIDs = [batch.sampleIDs[row]]
    }

    /// Tokens of texts.
    package var tokenCount: Int {
        zip(lengths, sampleIDs).reduce(0) { $0 + ($1.1 == TokenBatch.fillerID ? 0 : $1.0) }
    }

    /// One row as a batch of its own.
    package func row(_ row: Int) -> LabeledBatch { LabeledBatch(row: row, of: self) }
}

/// Labelled texts by number.
package struct LabeledSamples: SampleSource {
    package let examples: [LabeledExample]

    package init(_ examples: [LabeledExample]) { self.examples = examples }

    package var count: Int { examples.count }
    package var hasSegments: Bool { false }
    package func columns(forLongest length: Int) -> Int { length }
    package func length(of sample: Int) -> Int { max(1, examples[sample].ids.count) }

    /// The ids alone, without targets.
    package func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {
        for (column, id) in examples[sample].ids.enumerated() {
            batch.ids[row * batch.columns + column] = id
        }
    }

    package func batch(_ samples: [Int?], ids: [UInt64]) -> LabeledBatch {
        LabeledBatch(samples.map { $0.map { examples[$0] } }, sampleIDs: ids)
    }
}
