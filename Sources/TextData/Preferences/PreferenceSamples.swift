/// An example of preferences: some answers to prompts that belong together.
package protocol PreferenceExample: Sendable, Equatable {
    associatedtype Batch: Sendable

    /// What log-probabilities are asked of.
    var answers: [PromptedAnswer] { get }
    /// What tells the example from others besides its answers.
    var tag: Int32 { get }

    /// - Parameters: as of ``PairBatch``.
    static func batch(
        _ examples: [Self?], numbers: [Int], sampleIDs: [UInt64], longest: Int
    ) -> Batch
}

extension EncodedPair: PreferenceExample {
    package var answers: [PromptedAnswer] { [chosen, rejected] }
    package var tag: Int32 { 0 }

    package static func batch(
        _ examples: [EncodedPair?], numbers: [Int], sampleIDs: [UInt64], longest: Int
    ) -> PairBatch {
        PairBatch(examples, numbers: numbers, sampleIDs: sampleIDs, longest: longest)
    }
}

extension JudgedExample: PreferenceExample {
    package var answers: [PromptedAnswer] { [answer, mismatch] }
    package var tag: Int32 { isDesirable ? 1 : 0 }

    package static func batch(
        _ examples: [JudgedExample?], numbers: [Int], sampleIDs: [UInt64], longest: Int
    ) -> JudgedBatch {
        JudgedBatch(examples, numbers: numbers, sampleIDs: sampleIDs, longest: longest)
    }
}

/// Examples of preferences by number.
package struct PreferenceSamples<Example: PreferenceExample>: SampleSource {
    package let examples: [Example]
    /// The first one's number among all of the run.
    private let first: Int
    private let longest: Int

    /// - Parameter longest: tokens of a prompt and an answer at most.
    package init(_ examples: [Example], first: Int, longest: Int) {
        self.examples = examples
        self.first = first
        self.longest = longest
    }

    package var count: Int { examples.count }
    package var hasSegments: Bool { false }
    package func columns(forLongest length: Int) -> Int {
        ExampleSamples.columns(forLongest: length, atMost: longest)
    }
    package func length(of sample: Int) -> Int {
        max(1, examples[sample].answers.map(\.ids.count).max() ?? 1)
    }

    /// The ids of the first answer alone, without targets.
    package func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {
        for (column, id) in (examples[sample].answers.first?.ids ?? []).enumerated() {
            batch.ids[row * batch.columns + column] = id
        }
    }

    package func batch(_ samples: [Int?], ids: [UInt64]) -> Example.Batch {
        Example.batch(
            samples.map { $0.map { examples[$0] } }, numbers: samples.map { first + ($0 ?? 0) },
            sampleIDs: ids, longest: longest)
    }
}
