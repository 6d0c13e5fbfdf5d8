import Foundation
import Masking

/// Ids and what should follow each: one micro-batch of one rank.
package struct TokenBatch: Sendable, Equatable {
    /// A target that carries no loss.
    package static let ignoredTarget = HiddenTokens.ignoredTarget
    /// The position of a row that only fills the batch.
    package static let fillerID = UInt64.max

    /// Samples, B.
    package let rows: Int
    /// Ids in a sample, T.
    package let columns: Int
    package var ids: [Int32]  // (B, T)
    /// The next id at each place, or −100 where there is no loss.
    package var targets: [Int32]  // (B, T)
    /// Each row's position in the run's order of samples, the same on any number of ranks.
    package var sampleIDs: [UInt64]  // (B)
    /// (B, T): tokens see only tokens of their own segment; `nil` where all see all before them.
    package var segments: [Int32]?
    /// (B), tokens of each row's whole text, with a last one that is only a target, without what fills the row
    /// up; of the longest text where several are packed. T for windows of running text.
    package var textLengths: [Int]

    /// A batch of filler rows: zeros that carry no loss.
    package init(rows: Int, columns: Int, hasSegments: Bool = false) {
        self.rows = rows
        self.columns = columns
        ids = Array(repeating: 0, count: rows * columns)
        targets = Array(repeating: TokenBatch.ignoredTarget, count: rows * columns)
        sampleIDs = Array(repeating: TokenBatch.fillerID, count: rows)
        segments = hasSegments ? Array(repeating: 0, count: rows * columns) : nil
        textLengths = Array(repeating: columns, count: rows)
    }

    /// Makes a row a filler again.
    mutating func clear(row: Int) {
        for index in row * columns..<(row + 1) * columns {
            ids[index] = 0
            targets[index] = TokenBatch.ignoredTarget
        }
        sampleIDs[row] = TokenBatch.fillerID
        textLengths[row] = columns
    }

    /// Ids of samples, without what fills rows up behind their last target.
    package var tokenCount: Int {
        lengths.reduce(0, +)
    }

    /// Of each row, (B).
    package var lengths: [Int] {
        (0..<rows).map { row in
            let row = targets[row * columns..<(row + 1) * columns]
            let last = row.lastIndex { $0 != TokenBatch.ignoredTarget }
            return last.map { $0 - row.startIndex + 1 } ?? 0
        }
    }
}

/// This rank's micro-batches, step after step, made ahead by the prefetch thread.
///
/// A step takes the next G positions of the order, of which each rank gets its part (``BatchPartition``). So
/// the samples of a step depend on the position and on G, not on the number of ranks or their shares.
package final class BatchStream: BatchSource {
    /// One step's batches, and where its rows ended.
    struct Step: Sendable {
        var batches: [TokenBatch]
        var rows: RowsRead?
    }

    /// Samples consumed, over all ranks, by the steps handed out: where a resumed run starts.
    package private(set) var position: Int
    /// The rows behind the steps handed out, where they are read as they are needed.
    package private(set) var rows: RowsRead?
    /// How steps are divided.
    package let partition: BatchPartition
    private let prefetcher: Prefetcher<Step>

    /// Steps whose batches may have been begun beyond those handed out.
    package static let stepsAhead = 2

    /// A stream from `startPosition` on.
    package init(_ samples: TrainingSamples, _ partition: BatchPartition, startPosition: Int = 0) {
        precondition(startPosition >= 0, "batches from position \(startPosition)")
        self.partition = partition
        position = startPosition
        let maker = BatchMaker(
            samples, partition, startPosition, slots: BatchStream.stepsAhead + 2)
        prefetcher = Prefetcher(depth: BatchStream.stepsAhead) { () throws(CorpusError) in
            Step(batches: try maker.next())
        }
    }

    /// A stream of instructions that are read and encoded as they are needed.
    ///
    /// - Parameters:
    ///   - instructions: standing where the first step begins; every rank reads the same rows.
    ///   - longest: columns that no batch exceeds.
    package init(
        _ instructions: InstructionStream, _ partition: BatchPartition, startPosition: Int = 0,
        longest: Int
    ) {
        self.partition = partition
        position = startPosition
        let maker = InstructionBatchMaker(instructions, partition, startPosition, longest: longest)
        prefetcher = Prefetcher(depth: BatchStream.stepsAhead) { () throws(CorpusError) in
            try maker.next()
        }
    }

    /// The micro-batches of the next step.
    ///
    /// Their arrays are used again once the caller has let go of them.
    ///
    /// - Throws: ``CorpusError/stopped`` after ``stop()``; ``CorpusError/instructions(_:)``.
    package func next() throws(CorpusError) -> [TokenBatch] {
        let step = try prefetcher.next()
        position += partition.globalBatch
        rows = step.rows
        return step.batches
    }

    /// Ends the prefetch thread and waits for it; also done when the stream goes away.
    package func stop() { prefetcher.stop() }
}

/// Fills batches in order. Used by the prefetch thread only, hence unchecked.
private final class BatchMaker: @unchecked Sendable {
    private let samples: TrainingSamples
    private let partition: BatchPartition
    private var position: Int
    /// Batches in turn: a slot's arrays are written in place if nobody holds them any more, and
    /// copied by the array itself if somebody does.
    private var slots: [[TokenBatch?]]
    private var slot = 0

    init(_ samples: TrainingSamples, _ partition: BatchPartition, _ position: Int, slots: Int) {
        self.samples = samples
        self.partition = partition
        self.position = position
        self.slots = Array(repeating: [], count: slots)
    }

    func next() throws(CorpusError) -> [TokenBatch] {
        let own = partition.batches(ofStepAt: position)
        while slots[slot].count < own.count { slots[slot].append(nil) }
        for (batch, places) in own.enumerated() {
            try slots[slot][batch].fill(
                places.map(samples.sample), of: samples.source, ids: places.map(UInt64.init))
        }
        position += partition.globalBatch
        defer { slot = (slot + 1) % slots.count }
        return slots[slot].prefix(own.count).compactMap { $0 }
    }
}

extension TokenBatch? {
    /// Puts samples into the rows, in place where the batch has the right extents already.
    ///
    /// - Parameters:
    ///   - samples: one for each row; `nil` for a filling row.
    ///   - ids: what ``TokenBatch/sampleIDs`` become.
    mutating func fill(
        _ samples: [Int?], of source: any SampleSource, ids: [UInt64]
    ) throws(CorpusError) {
        let longest = samples.reduce(1) { max($0, $1.map(source.length) ?? 1) }
        let columns = source.columns(forLongest: longest)
        if self?.rows != samples.count || self?.columns != columns {
            self = TokenBatch(
                rows: samples.count, columns: columns, hasSegments: source.hasSegments)
        }
        for (row, sample) in samples.enumerated() {
            self?.clear(row: row)
            guard let sample else { continue }
            try self?.fill(row: row, with: sample, of: source, id: ids[row])
        }
    }
}

extension TokenBatch {
    fileprivate mutating func fill(
        row: Int, with sample: Int, of source: any SampleSource, id: UInt64
    ) throws(CorpusError) {
        try source.fill(row: row, of: &self, with: sample)
        sampleIDs[row] = id
    }
}

extension TokenBatch {
    /// A batch of given ids and targets, (rows, columns) each; rows are numbered from 0.
    package init(rows: Int, columns: Int, ids: [Int32], targets: [Int32]) {
        precondition(
            ids.count == rows * columns && targets.count == ids.count,
            "batch (\(rows), \(columns)) of \(ids.count) ids and \(targets.count) targets")
        self.init(rows: rows, columns: columns)
        self.ids = ids
        self.targets = targets
        sampleIDs = (0..<rows).map(UInt64.init)
    }

    /// One row as a batch of its own.
    package func row(_ row: Int) -> TokenBatch {
        let part = row * columns..<(row + 1) * columns
        var single = TokenBatch(rows: 1, columns: columns)
        single.ids = Array(ids[part])
        single.targets = Array(targets[part])
        single.sampleIDs = [sampleIDs[row]]
        single.segments = segments.map { Array($0[part]) }
        single.textLengths = [textLengths[row]]
        return single
    }

    /// Random ids and targets, for measurements. Source: SplitMix64's sequence.
    package init(rows: Int, columns: Int, randomBelow vocabulary: Int, seed: UInt64) {
        self.init(rows: rows, columns: columns)
        var state = seed
        func next() -> Int32 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return Int32((z ^ (z >> 31)) % UInt64(vocabulary))
        }
        for index in ids.indices { ids[index] = next() }
        for index in targets.indices { targets[index] = next() }
        for row in sampleIDs.indices { sampleIDs[row] = seed &+ UInt64(row) }
    }
}
