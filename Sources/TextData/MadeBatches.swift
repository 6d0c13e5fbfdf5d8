/// This rank's micro-batches of samples that lie in memory, made when they are asked for. Which samples
/// a step takes is as in ``BatchStream``.
package final class MadeBatches<Batch: Sendable>: BatchSource {
    /// Makes a micro-batch.
    ///
    /// - Parameters:
    ///   - samples: by number; `nil` for a row that only fills the batch.
    ///   - ids: each row's position in the run's order.
    package typealias Maker =
        @Sendable (_ samples: [Int?], _ ids: [UInt64]) throws(CorpusError) -> Batch

    package private(set) var position: Int
    private let samples: TrainingSamples
    private let partition: BatchPartition
    private let make: Maker

    package init(
        _ samples: TrainingSamples, _ partition: BatchPartition, startPosition: Int,
        make: @escaping Maker
    ) {
        precondition(startPosition >= 0, "batches from position \(startPosition)")
        self.samples = samples
        self.partition = partition
        self.make = make
        position = startPosition
    }

    package func next() throws(CorpusError) -> [Batch] {
        var batches: [Batch] = []
        for places in partition.batches(ofStepAt: position) {
            batches.append(try make(places.map(samples.sample), places.map(UInt64.init)))
        }
        position += partition.globalBatch
        return batches
    }

    package func stop() {}
}

/// Held-out samples that lie in memory, each once over all ranks; which is where as in
/// ``EvaluationBatches``.
package struct MadeHeldOutBatches<Batch: Sendable>: HeldOutBatches {
    private let samples, rank, ranks, rows: Int
    private let make: MadeBatches<Batch>.Maker

    /// - Parameters:
    ///   - samples: how many there are.
    ///   - batch: rows of a batch, of each rank's share where that is less.
    package init(
        samples: Int, rank: Int, ranks: Int, batch: Int,
        make: @escaping MadeBatches<Batch>.Maker
    ) {
        (self.samples, self.rank, self.ranks) = (samples, rank, ranks)
        rows = min(batch, max(1, (samples - 1) / ranks + 1))
        self.make = make
    }

    package var count: Int { (samples + ranks * rows - 1) / (ranks * rows) }

    package func batch(_ number: Int) throws(CorpusError) -> Batch {
        let first = (number * ranks + rank) * rows
        let places = first..<first + rows
        return try make(places.map { $0 < samples ? $0 : nil }, places.map(UInt64.init))
    }
}
