import Datasets
import Foundation
import Templates
import TestSupport
import Testing
import TextData

/// Ranks of unequal shares compute together what ranks of equal shares do.
@Suite struct StepSharesTests {
    private let folder = TestFolder()

    /// Shares of 3 ranks from a position on; the micro-batches of a step are 12.
    private static let changes: [(position: Int, counts: [Int])] = [
        (72, [6, 5, 1]), (96, [1, 1, 10]), (240, [4, 4, 4]),
    ]

    /// The batches of some steps over all ranks, in the order of ranks.
    private func steps<Source: BatchSource>(
        _ count: Int, from start: Int = 0, changes: [(position: Int, counts: [Int])],
        _ make: (BatchPartition) throws -> Source
    ) throws -> [[Source.Batch]] {
        let shares = (0..<3).map { _ in StepShares([4, 4, 4]) }
        let streams = try (0..<3).map { rank in
            try make(
                BatchPartition(
                    rank: rank, ranks: 3, samplesPerMicroBatch: 2, microBatches: 4,
                    shares: shares[rank]))
        }
        defer { for stream in streams { stream.stop() } }
        return try (0..<count).map { step in
            let position = start + step * 24
            // As a run does it: after a step, for the first that no rank has begun.
            for change in changes where change.position == position + 48 && step > 0 {
                for shares in shares { shares.set(change.counts, from: change.position) }
            }
            let batches = try streams.map { try $0.next() }
            let counts = changes.last { $0.position <= position && $0.position > start + 48 }
            #expect(batches.map(\.count) == counts?.counts ?? [4, 4, 4], "step \(step)")
            #expect(streams.allSatisfy { $0.position == position + 24 })
            return batches.flatMap { $0 }
        }
    }

    private func expectSameBatches<Source: BatchSource>(
        _ make: (BatchPartition, Int) throws -> Source
    ) throws where Source.Batch: Equatable {
        let equal = try steps(14, changes: []) { try make($0, 0) }
        let unequal = try steps(14, changes: Self.changes) { try make($0, 0) }
        #expect(equal == unequal)
        // A run that goes on begins with equal shares, wherever the one before stood.
        let rest = try steps(9, from: 120, changes: Self.changes) { try make($0, 120) }
        #expect(rest == Array(equal[5...]))
    }

    @Test func batchesMadeAheadAreTheSameMicroBatchesWhoeverComputesThem() throws {
        let dataset = try countingDataset(folder, count: 1015, sampleTokens: 5)
        let split = try HeldOutSplit(count: dataset.sampleCount, valSize: 20, seed: 5)
        let samples = TrainingSamples(
            ShardSamples(dataset, split, part: .training), seed: 5, shuffled: true)
        try expectSameBatches { BatchStream(samples, $0, startPosition: $1) }
    }

    @Test func batchesOfSamplesInMemoryAreTheSameWhoeverComputesThem() throws {
        let dataset = try countingDataset(folder, count: 1015, sampleTokens: 5)
        let split = try HeldOutSplit(count: dataset.sampleCount, valSize: 20, seed: 5)
        let samples = TrainingSamples(
            ShardSamples(dataset, split, part: .training), seed: 5, shuffled: true)
        try expectSameBatches {
            MadeBatches(samples, $0, startPosition: $1) { chosen, ids in
                Made(samples: chosen, ids: ids)
            }
        }
    }

    private struct Made: Equatable {
        let samples: [Int?]
        let ids: [UInt64]
    }

    @Test func rowsThatAreReadAsNeededGiveTheSameBatchesWhoeverComputesThem() throws {
        let fixtures = ConversationsFixtures()
        let lines = (0..<50).map {
            "{\"instruction\": \"Say\", \"output\": \"\(String(repeating: "\($0) ", count: $0 % 5 + 1))\"}\n"
        }
        try fixtures.withFolder(["a.jsonl": lines.joined()]) { folder in
            var settings = InstructionSettings(datasets: ["a.jsonl"])
            settings.folder = folder
            let stream = try InstructionStream(
                settings, .named("empty"), fixtures.tokenizer("llama"), bufferSize: 8)
            try expectSameBatches { partition, start in
                var stream = stream
                for _ in 0..<start { _ = try stream.nextExample() }
                return BatchStream(stream, partition, startPosition: start, longest: 64)
            }
        }
    }

    @Test func ranksWithoutSharesTakeEqualParts() {
        let parts = (0..<2).map {
            BatchPartition(rank: $0, ranks: 2, samplesPerMicroBatch: 3, microBatches: 2)
                .batches(ofStepAt: 60)
        }
        #expect(parts == [[60..<63, 63..<66], [66..<69, 69..<72]])
    }

    @Test func sharesHoldFromTheirPositionOn() {
        let shares = StepShares([2, 2])
        #expect(shares.microBatches(of: 1, at: 7) == 2..<4)
        shares.set([3, 1], from: 40)
        #expect(shares.microBatches(of: 1, at: 39) == 2..<4)
        #expect(shares.microBatches(of: 0, at: 39) == 0..<2)
        shares.set([1, 3], from: 60)
        #expect(shares.microBatches(of: 1, at: 40) == 3..<4)
        #expect(shares.microBatches(of: 1, at: 60) == 1..<4)
        #expect(shares.microBatches(of: 0, at: 1000) == 0..<1)
    }
}
