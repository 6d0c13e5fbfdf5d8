/// The held-out samples, each once over all ranks.
///
/// Every rank has the same number of batches; where samples run out, rows are filled with targets
/// that carry no loss. `sampleIDs` are places in the held-out part, ``TokenBatch/fillerID`` for
/// filling rows. Ask again to evaluate again: the batches are the same.
package struct EvaluationBatches: HeldOutBatches {
    private let source: any SampleSource
    private let rank: Int
    private let ranks: Int
    private let rows: Int

    /// All samples of `source` in batches of `batch` samples, or of each rank's share where that is
    /// less.
    package init(_ source: any SampleSource, rank: Int, ranks: Int, batch: Int) {
        precondition(
            rank >= 0 && rank < ranks && batch > 0,
            "evaluation: rank \(rank) of \(ranks), batches of \(batch)")
        self.source = source
        self.rank = rank
        self.ranks = ranks
        rows = min(batch, max(1, (source.count - 1) / ranks + 1))
    }

    /// The held-out part of `dataset` in batches of `batch` samples.
    package init(dataset: TokenDataset, split: HeldOutSplit, rank: Int, ranks: Int, batch: Int) {
        self.init(
            ShardSamples(dataset, split, part: .heldOut), rank: rank, ranks: ranks, batch: batch)
    }

    /// Batches of each rank.
    package var count: Int { (source.count + ranks * rows - 1) / (ranks * rows) }

    /// This rank's batch of a number.
    ///
    /// - Throws: ``CorpusError`` where a file has changed since it was opened.
    package func batch(_ number: Int) throws(CorpusError) -> TokenBatch {
        precondition(number >= 0 && number < count, "evaluation: batch \(number) of \(count)")
        let first = (number * ranks + rank) * rows
        let places = first..<first + rows
        var batch: TokenBatch?
        try batch.fill(
            places.map { $0 < source.count ? $0 : nil }, of: source, ids: places.map(UInt64.init))
        return batch ?? TokenBatch(rows: rows, columns: source.columns(forLongest: 1))
    }
}
