/// The held-out samples, each once over all ranks.
///
/// Every rank has the same number of batches; where samples run out, rows are filled with targets
/// that carry no loss. `sampleIDs` are places in the held-out part, ``TokenBatch/fillerID`` for
/// filling rows. Iterate again to evaluate again: the batches are the same.
package struct EvaluationBatches: Sequence, Sendable {
    private let source: any SampleSource
    private let rank: Int
    private let ranks: Int
    private let rows: Int

    /// All samples of `source` in batches of `batch` samples.
    package init(_ source: any SampleSource, rank: Int, ranks: Int, batch: Int) {
        precondition(
            rank >= 0 && rank < ranks && batch > 0,
            "evaluation: rank \(rank) of \(ranks), batches of \(batch)")
        self.source = source
        self.rank = rank
        self.ranks = ranks
        rows = batch
    }

    /// The held-out part of `dataset` in batches of `batch` samples.
    package init(dataset: TokenDataset, split: HeldOutSplit, rank: Int, ranks: Int, batch: Int) {
        self.init(
            ShardSamples(dataset, split, part: .heldOut), rank: rank, ranks: ranks, batch: batch)
    }

    /// Batches of each rank.
    package var count: Int { (source.count + ranks * rows - 1) / (ranks * rows) }

    /// Goes through this rank's batches.
    package struct Iterator: IteratorProtocol {
        private let batches: EvaluationBatches
        private var taken = 0

        init(_ batches: EvaluationBatches) { self.batches = batches }

        package mutating func next() -> TokenBatch? {
            guard taken < batches.count else { return nil }
            let first = (taken * batches.ranks + batches.rank) * batches.rows
            let places = first..<first + batches.rows
            taken += 1
            var batch: TokenBatch?
            batch.fill(
                places.map { $0 < batches.source.count ? $0 : nil }, of: batches.source,
                ids: places.map(UInt64.init))
            return batch
        }
    }

    package func makeIterator() -> Iterator { Iterator(self) }
}
