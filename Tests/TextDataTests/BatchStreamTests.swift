import Foundation
import Synchronization
import TestSupport
import Testing
import TextData

@Suite struct BatchStreamTests {
    private let folder = TestFolder()

    /// 203 samples of 5 targets, 20 of them held out.
    private func makeSamples(
        shuffled: Bool = true, seed: UInt64 = 5
    ) throws(CorpusError) -> (samples: TrainingSamples, dataset: TokenDataset, split: HeldOutSplit)
    {
        let dataset = try countingDataset(folder, count: 1015, sampleTokens: 5)
        let split = try HeldOutSplit(count: dataset.sampleCount, valSize: 20, seed: seed)
        return (
            TrainingSamples(
                ShardSamples(dataset, split, part: .training), seed: seed, shuffled: shuffled),
            dataset, split
        )
    }

    @Test("Rows hold the samples at their positions, targets are the next ids")
    func rowsHoldSamples() throws {
        let (samples, dataset, split) = try makeSamples()
        #expect(dataset.sampleCount == 203)
        let stream = BatchStream(
            samples, BatchPartition(rank: 0, ranks: 1, samplesPerMicroBatch: 3, microBatches: 2))
        var position: UInt64 = 0
        for _ in 0..<70 {
            for batch in try stream.next() {
                #expect(batch.rows == 3 && batch.columns == 5)
                for row in 0..<3 {
                    #expect(batch.sampleIDs[row] == position)
                    let first = Int32(try samples.number(at: Int(position), in: split) * 5)
                    let ids = batch.ids[row * 5..<row * 5 + 5]
                    #expect(Array(ids) == (first..<first + 5).map { $0 })
                    let last = first + 5 == 1015 ? 0 : first + 5
                    #expect(Array(batch.targets[row * 5..<row * 5 + 5]) == ids.dropFirst() + [last])
                    position += 1
                }
            }
        }
        #expect(stream.position == 420)
    }

    @Test("A step's samples and their order do not depend on ranks and accumulation")
    func stepsDoNotDependOnRanks() throws {
        let (samples, _, _) = try makeSamples()
        func steps(_ ranks: Int, _ microBatches: Int) throws -> [[[Int32]]] {
            let streams = (0..<ranks).map { rank in
                BatchStream(
                    samples,
                    BatchPartition(
                        rank: rank, ranks: ranks, samplesPerMicroBatch: 12 / ranks / microBatches,
                        microBatches: microBatches))
            }
            return try (0..<40).map { step in
                let batches = try streams.flatMap { try $0.next() }
                #expect(batches.flatMap(\.sampleIDs) == (0..<12).map { UInt64(step * 12 + $0) })
                return [batches.flatMap(\.ids), batches.flatMap(\.targets)]
            }
        }
        let expected = try steps(1, 1)
        for (ranks, microBatches) in [(1, 4), (2, 1), (2, 3), (3, 1), (3, 4), (4, 1), (4, 3)] {
            #expect(try steps(ranks, microBatches) == expected, "\(ranks), \(microBatches)")
        }
    }

    @Test("An epoch has every training sample once and no held-out one")
    func epochCoversTheTrainingPart() throws {
        let (samples, dataset, split) = try makeSamples()
        let held = Set((0..<20).map { split.evaluationSample($0) })
        let epoch = try (0..<183).map { try samples.number(at: $0, in: split) }
        #expect(Set(epoch).union(held) == Set(0..<dataset.sampleCount))
        #expect(Set(epoch).isDisjoint(with: held))
        #expect(try (183..<366).map { try samples.number(at: $0, in: split) } != epoch)
    }

    @Test("Without shuffling the training part comes in file order")
    func fileOrder() throws {
        let (samples, _, split) = try makeSamples(shuffled: false)
        let epoch = try (0..<183).map { try samples.number(at: $0, in: split) }
        #expect(epoch == epoch.sorted())
    }

    @Test("Resuming at a position gives the rest of the uninterrupted stream")
    func resumeEqualsSuffix() throws {
        let (samples, _, _) = try makeSamples()
        let partition = BatchPartition(
            rank: 1, ranks: 2, samplesPerMicroBatch: 2, microBatches: 3)
        let whole = BatchStream(samples, partition)
        let steps = try (0..<50).map { _ in try whole.next() }
        for start in [0, 1, 17, 35] {
            let resumed = BatchStream(samples, partition, startPosition: start * 12)
            for step in start..<50 { #expect(try resumed.next() == steps[step]) }
            #expect(resumed.position == whole.position)
        }
    }

    @Test("Batches that are kept stay as they were")
    func keptBatchesDoNotChange() throws {
        let (samples, _, _) = try makeSamples()
        let partition = BatchPartition(rank: 0, ranks: 1, samplesPerMicroBatch: 4)
        let stream = BatchStream(samples, partition)
        let kept = try (0..<20).map { _ in try stream.next() }
        let other = BatchStream(samples, partition)
        for step in kept { #expect(try other.next() == step) }
    }

    @Test("After stopping, a stream says so instead of waiting")
    func stoppedStreamThrows() throws {
        let (samples, _, _) = try makeSamples()
        let stream = BatchStream(
            samples, BatchPartition(rank: 0, ranks: 1, samplesPerMicroBatch: 1))
        _ = try stream.next()
        stream.stop()
        stream.stop()
        #expect(corpusError { () throws(CorpusError) in _ = try stream.next() } == .stopped)
        #expect(stream.position == 1)
    }

    @Test("An error of the prefetch thread reaches the caller after what came before it")
    func prefetchErrorIsDelivered() {
        let made = Mutex(0)
        let prefetcher = Prefetcher<Int>(depth: 3) { () throws(CorpusError) in
            let number = made.withLock { number in
                number += 1
                return number
            }
            if number == 6 { throw .changedInput(file: "corpus.txt") }
            return number
        }
        var taken: [Int] = []
        var errors: [CorpusError] = []
        for _ in 0..<8 {
            do throws(CorpusError) {
                taken.append(try prefetcher.next())
            } catch {
                errors.append(error)
            }
        }
        #expect(taken == [1, 2, 3, 4, 5])
        #expect(errors == Array(repeating: .changedInput(file: "corpus.txt"), count: 3))
        #expect(made.withLock { $0 } == 6)
    }

    @Test("Letting go of a prefetcher ends its thread")
    func droppedPrefetcherEnds() throws {
        /// Held by the thread's work only; tells when it goes.
        final class Witness: Sendable {
            let gone: DispatchSemaphore
            init(_ gone: DispatchSemaphore) { self.gone = gone }
            deinit { gone.signal() }
        }
        let gone = DispatchSemaphore(value: 0)
        do {
            let witness = Witness(gone)
            let prefetcher = Prefetcher<Int>(depth: 2) { () throws(CorpusError) in
                withExtendedLifetime(witness) { 1 }
            }
            #expect(try prefetcher.next() == 1)
        }
        #expect(gone.wait(timeout: .now() + 30) == .success)
    }

    @Test("Evaluation covers each held-out sample once, with equal numbers of batches")
    func evaluationCoversTheHeldOutPart() throws {
        let (_, dataset, split) = try makeSamples()
        for (ranks, rows) in [(1, 1), (1, 6), (2, 3), (3, 4), (4, 2), (3, 50)] {
            var ids: [UInt64] = []
            var counts: Set<Int> = []
            for rank in 0..<ranks {
                let evaluation = EvaluationBatches(
                    dataset: dataset, split: split, rank: rank, ranks: ranks, batch: rows)
                let batches = try (0..<evaluation.count).map { try evaluation.batch($0) }
                let again = try (0..<evaluation.count).map { try evaluation.batch($0) }
                #expect(batches == again, "a second evaluation sees the same")
                counts.insert(batches.count)
                #expect(batches.count == evaluation.count)
                for batch in batches {
                    // No more rows than there are samples for a rank.
                    #expect(batch.rows == min(rows, (20 + ranks - 1) / ranks))
                    for row in 0..<batch.rows {
                        let targets = batch.targets[row * 5..<row * 5 + 5]
                        let id = batch.sampleIDs[row]
                        if id == TokenBatch.fillerID {
                            #expect(targets.allSatisfy { $0 == TokenBatch.ignoredTarget })
                        } else {
                            ids.append(id)
                            #expect(
                                batch.ids[row * 5] == Int32(split.evaluationSample(Int(id)) * 5))
                            #expect(targets.allSatisfy { $0 >= 0 })
                        }
                    }
                }
            }
            #expect(counts.count == 1)
            #expect(ids.sorted() == Array(0..<20))
        }
    }

    @Test("With nothing held out there is nothing to evaluate")
    func noEvaluation() throws {
        let dataset = try countingDataset(folder, count: 100, sampleTokens: 5)
        let split = try HeldOutSplit(count: dataset.sampleCount, valSize: 0, seed: 1)
        let evaluation = EvaluationBatches(
            dataset: dataset, split: split, rank: 0, ranks: 2, batch: 4)
        #expect(evaluation.count == 0)
    }
}

extension TrainingSamples {
    /// The dataset's sample at a position of the run.
    fileprivate func number(at position: Int, in split: HeldOutSplit) throws -> Int {
        split.trainingSample(try #require(sample(at: position)))
    }
}
