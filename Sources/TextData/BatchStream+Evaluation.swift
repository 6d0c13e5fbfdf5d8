/// The held-out samples, each once over all ranks.
///
/// Every rank has the same number of batches; where samples run out, rows are filled with targets
/// that carry no loss. `sampleIDs` are places in the held-out part, ``TokenBatch/fillerID`` for
/// filling rows. Iterate again to evaluate again: the batches are the same.
package struct EvaluationBatches: Sequence, Sendable {
    private let dataset: TokenDataset
    private let split: HeldOutSplit
    private let rank: Int
    private let ranks: Int
    private let rows: Int

    /// The held-out part of `dataset` in batches of `batch` samples.
    package init(dataset: TokenDataset, split: HeldOutSplit, rank: Int, ranks: Int, batch: Int) {
        precondition(
            rank >= 0 && rank < ranks && batch > 0,
            "evaluation: rank \(rank) of \(ranks), batches of \(batch)")
        self.dataset = dataset
        self.split = split
        self.rank = rank
        self.ranks = ranks
        rows = batch
    }

    /// Batches of each rank.
    package var count: Int { (split.evaluationCount + ranks * rows - 1) / (ranks * rows) }

    /// Goes through this rank's batches.
    package struct Iterator: IteratorProtocol {
        private let batches: EvaluationBatches
        private var taken = 0
        private var scratch: [Int32]

        init(_ batches: EvaluationBatches) {
            self.batches = batches
            scratch = Array(repeating: 0, count: batches.dataset.sampleTokens + 1)
        }

        package mutating func next() -> TokenBatch? {
            guard taken < batches.count else { return nil }
            var batch = TokenBatch(rows: batches.rows, columns: batches.dataset.sampleTokens)
            let first = (taken * batches.ranks + batches.rank) * batches.rows
            for row in 0..<batches.rows where first + row < batches.split.evaluationCount {
                batch.fill(
                    row: row, with: batches.split.evaluationSample(first + row),
                    of: batches.dataset, id: UInt64(first + row), scratch: &scratch)
            }
            taken += 1
            return batch
        }
    }

    package func makeIterator() -> Iterator { Iterator(self) }
}
