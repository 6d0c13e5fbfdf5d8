package import TextData

/// Completions to learn from: a micro-batch.
package struct PolicyBatch: StepBatch {
    /// (R)
    package let completions: [RatedCompletion]
    /// Whether each one's tokens count. (R)
    package let counts: [Bool]
    /// Prompts with their completions.
    package let answers: AnswerRows
    package let sampleIDs: [UInt64]  // (R)
    /// Of the micro-batch that it is, or is a row of: completions, and tokens that count.
    package let whole: (rows: Int, tokens: Int)
    /// Figures of the step's rollout, which one batch of each rank tells.
    package let figures: [(name: String, value: Double)]

    /// - Parameters:
    ///   - counts: whether each one's tokens count.
    ///   - sampleIDs: their places in the run's order of completions.
    ///   - longest: places that a row has at most, but for what a completion takes itself.
    package init(
        _ completions: [RatedCompletion], counts: [Bool], sampleIDs: [UInt64],
        longest: Int = .max, whole: (rows: Int, tokens: Int)? = nil,
        figures: [(name: String, value: Double)] = []
    ) {
        self.completions = completions
        self.counts = counts
        self.sampleIDs = sampleIDs
        self.figures = figures
        answers = AnswerRows(completions.map(\.completion.answer), longest: longest)
        let tokens = zip(counts, answers.targetCounts).reduce(0) { $0 + ($1.0 ? $1.1 : 0) }
        self.whole = whole ?? (completions.count, tokens)
    }

    package var rows: Int { completions.count }
    package var tokenCount: Int { answers.lengths.reduce(0, +) }

    package func row(_ row: Int) -> PolicyBatch {
        PolicyBatch(
            [completions[row]], counts: [counts[row]], sampleIDs: [sampleIDs[row]], whole: whole,
            figures: row == 0 ? figures : [])
    }
}
