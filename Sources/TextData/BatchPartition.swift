/// How a global batch is divided: ranks × micro-batches × samples.
///
/// A step's micro-batches are numbered over all ranks; a rank takes some that follow one another. Which
/// samples a micro-batch has depends on its number alone, so shares change who computes it and nothing else.
package struct BatchPartition: Sendable {
    package let rank: Int
    package let ranks: Int
    /// Samples in a micro-batch, B.
    package let samplesPerMicroBatch: Int
    /// Micro-batches of a rank in a step (gradient accumulation), where ranks take equally many.
    package let microBatches: Int
    /// Ranks' shares where those are not equal; `nil` where they are.
    package let shares: StepShares?

    package init(
        rank: Int, ranks: Int, samplesPerMicroBatch: Int, microBatches: Int = 1,
        shares: StepShares? = nil
    ) {
        precondition(
            rank >= 0 && rank < ranks && samplesPerMicroBatch > 0 && microBatches > 0,
            "batches: rank \(rank) of \(ranks), \(microBatches) × \(samplesPerMicroBatch) samples")
        self.rank = rank
        self.ranks = ranks
        self.samplesPerMicroBatch = samplesPerMicroBatch
        self.microBatches = microBatches
        self.shares = shares
    }

    /// Samples of this rank in a step of equal shares.
    package var samplesPerRank: Int { microBatches * samplesPerMicroBatch }
    /// Samples of all ranks in a step, G.
    package var globalBatch: Int { ranks * samplesPerRank }

    /// What this rank computes of the step that begins at a position: each micro-batch's positions in the
    /// run's order, at least one micro-batch.
    package func batches(ofStepAt position: Int) -> [Range<Int>] {
        let own =
            shares?.microBatches(of: rank, at: position)
            ?? rank * microBatches..<(rank + 1) * microBatches
        return own.map { number in
            let first = position + number * samplesPerMicroBatch
            return first..<first + samplesPerMicroBatch
        }
    }
}
