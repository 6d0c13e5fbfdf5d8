/// Some pairs of answers: one micro-batch of one rank.
package struct PairBatch: Sendable, Equatable {
    /// `nil` for one that only fills the batch. (B)
    package let pairs: [EncodedPair?]
    /// Each pair's number among all of the run, learned and held out. (B)
    package let numbers: [Int]
    /// Each pair's position in the run's order, ``TokenBatch/fillerID`` for one that only fills. (B)
    package let pairIDs: [UInt64]
    /// The chosen answers, then the rejected ones. (2B)
    package let answers: AnswerRows
    private let longest: Int

    /// - Parameters:
    ///   - numbers: one for each; not looked at for `nil`.
    ///   - longest: as of ``AnswerRows``.
    package init(
        _ pairs: [EncodedPair?], numbers: [Int], sampleIDs: [UInt64], longest: Int = .max
    ) {
        self.pairs = pairs
        self.numbers = numbers
        pairIDs = zip(pairs, sampleIDs).map { $0 == nil ? TokenBatch.fillerID : $1 }
        self.longest = longest
        answers = AnswerRows(
            pairs.map { $0?.chosen } + pairs.map { $0?.rejected }, longest: longest)
    }

    /// Another for each answer: what random masks depend on. (2B)
    package var sampleIDs: [UInt64] {
        [UInt64(0), 1].flatMap { side in
            pairIDs.map { $0 == TokenBatch.fillerID ? $0 : 2 * $0 + side }
        }
    }

    /// Pairs, B.
    package var rows: Int { pairs.count }
    /// Those that do not only fill.
    package var pairCount: Int { pairs.count { $0 != nil } }
    /// Tokens of prompts and answers.
    package var tokenCount: Int {
        pairs.reduce(0) { $0 + ($1.map { $0.chosen.ids.count + $0.rejected.ids.count } ?? 0) }
    }

    /// One pair as a batch of its own.
    package func row(_ row: Int) -> PairBatch {
        PairBatch(
            [pairs[row]], numbers: [numbers[row]], sampleIDs: [pairIDs[row]], longest: longest)
    }
}

/// Answers with their tags: one micro-batch of one rank.
package struct JudgedBatch: Sendable, Equatable {
    /// `nil` for one that only fills the batch. (B)
    package let examples: [JudgedExample?]
    /// As of ``PairBatch``. (B)
    package let numbers: [Int]
    package let sampleIDs: [UInt64]  // (B)
    package let answers: AnswerRows  // (B)
    package let mismatches: AnswerRows  // (B)
    private let longest: Int

    package init(
        _ examples: [JudgedExample?], numbers: [Int], sampleIDs: [UInt64], longest: Int = .max
    ) {
        self.examples = examples
        self.numbers = numbers
        self.sampleIDs = zip(examples, sampleIDs).map { $0 == nil ? TokenBatch.fillerID : $1 }
        self.longest = longest
        answers = AnswerRows(examples.map { $0?.answer }, longest: longest)
        mismatches = AnswerRows(examples.map { $0?.mismatch }, longest: longest)
    }

    /// Answers, B.
    package var rows: Int { examples.count }
    /// Tokens of prompts and answers.
    package var tokenCount: Int {
        examples.reduce(0) { $0 + ($1.map { $0.answer.ids.count } ?? 0) }
    }

    /// One answer as a batch of its own.
    package func row(_ row: Int) -> JudgedBatch {
        JudgedBatch(
            [examples[row]], numbers: [numbers[row]], sampleIDs: [sampleIDs[row]],
            longest: longest)
    }
}
