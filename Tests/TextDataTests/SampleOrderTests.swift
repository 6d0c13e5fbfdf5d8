import Foundation
import TestSupport
import Testing
import TextData

@Suite struct SampleOrderTests {
    @Test("Each epoch is a permutation, whatever the count")
    func everyEpochIsAPermutation() {
        for count in Array(1...130) + [255, 256, 257, 1000, 1023, 4097, 10_007] {
            for seed in [UInt64(0), 42] {
                let order = SampleOrder(count: count, seed: seed, shuffled: true)
                for epoch in 0..<2 {
                    var seen = [Bool](repeating: false, count: count)
                    for place in 0..<count { seen[order.index(at: epoch * count + place)] = true }
                    #expect(!seen.contains(false), "count \(count), epoch \(epoch)")
                }
            }
        }
    }

    @Test("Epochs and seeds have orders of their own; the same seed has the same")
    func ordersDiffer() {
        func order(_ seed: UInt64, _ epoch: Int) -> [Int] {
            let order = SampleOrder(count: 500, seed: seed, shuffled: true)
            return (0..<500).map { order.index(at: epoch * 500 + $0) }
        }
        let orders = [order(1, 0), order(1, 1), order(1, 2), order(2, 0), order(2, 1)]
        #expect(Set(orders).count == orders.count)
        #expect(order(1, 1) == order(1, 1))
        for (index, one) in orders.enumerated() {
            for other in orders[..<index] {
                // Two random permutations agree in one place on average.
                #expect(zip(one, other).filter { $0 == $1 }.count < 9)
            }
            #expect(zip(one, 0..<500).filter { $0 == $1 }.count < 9)
        }
    }

    @Test("Every sample is as likely in every place", arguments: [2, 3, 5, 7, 12])
    func placesAreEquallyLikely(count: Int) {
        let trials = 4000
        var hits = [[Int]](repeating: Array(repeating: 0, count: count), count: count)
        for seed in 0..<trials {
            let order = SampleOrder(count: count, seed: UInt64(seed), shuffled: true)
            for place in 0..<count { hits[place][order.index(at: place)] += 1 }
        }
        let expected = Double(trials) / Double(count)
        // Five standard deviations of a binomial count.
        let margin = 5 * (expected * (1 - 1 / Double(count))).squareRoot()
        for place in hits {
            for hit in place { #expect(abs(Double(hit) - expected) < margin) }
        }
    }

    @Test("Neighbours in the order are not neighbours in the file")
    func neighboursAreSpread() {
        let order = SampleOrder(count: 100_000, seed: 3, shuffled: true)
        let indices = (0..<20_000).map { order.index(at: $0) }
        let close = zip(indices, indices.dropFirst()).filter { abs($0 - $1) < 100 }.count
        // About 20,000 · 2 · 99 / 100,000 = 40 for a random order.
        #expect((15...80).contains(close))
        let mean = Double(indices.reduce(0, +)) / 20_000
        #expect(abs(mean - 50_000) < 5 * 100_000 / (12.0 * 20_000).squareRoot())
    }

    @Test("Without shuffling samples come in file order, epoch after epoch")
    func unshuffledIsFileOrder() {
        let order = SampleOrder(count: 5, seed: 9, shuffled: false)
        #expect((0..<12).map { order.index(at: $0) } == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])
    }

    private struct Order: Decodable {
        let count: Int
        let seed: UInt64
        let first: Int
        let indices: [Int]
    }

    @Test("The order of a seed is what Python computes: checkpoints depend on it")
    func orderIsFixed() throws {
        let orders = try JSONDecoder().decode(
            [Order].self, from: Data(readBytes(reference("orders.json"))))
        #expect(orders.count == 5)
        for expected in orders {
            let order = SampleOrder(count: expected.count, seed: expected.seed, shuffled: true)
            let found = expected.indices.indices.map { order.index(at: expected.first + $0) }
            #expect(found == expected.indices, "count \(expected.count)")
        }
    }

    @Test("Very large counts work")
    func largeCounts() {
        let count = 3_000_000_000
        let order = SampleOrder(count: count, seed: 1, shuffled: true)
        let indices = (0..<1000).map { order.index(at: count + $0) }
        #expect(Set(indices).count == 1000)
        #expect(indices.allSatisfy { (0..<count).contains($0) })
    }

    @Test("Training part and held-out part divide the samples, the former in file order")
    func splitDividesTheSamples() throws {
        for count in [2, 3, 7, 10, 100, 999] {
            for held in Set([0, 1, 2, count / 3, count / 2, count - 1]) where held < count {
                for seed in 0..<3 {
                    let split = try HeldOutSplit(
                        count: count, valSize: Double(held), seed: UInt64(seed))
                    #expect(split.evaluationCount == held)
                    #expect(split.trainingCount == count - held)
                    let training = (0..<split.trainingCount).map { split.trainingSample($0) }
                    let evaluation = (0..<held).map { split.evaluationSample($0) }
                    #expect(training == training.sorted(), "\(count), \(held)")
                    #expect(
                        (training + evaluation).sorted() == Array(0..<count), "\(count), \(held)")
                }
            }
        }
    }

    @Test("The held-out samples depend on the seed and lie all over the corpus")
    func splitDependsOnSeed() throws {
        func held(_ seed: UInt64) throws -> [Int] {
            let split = try HeldOutSplit(count: 1000, valSize: 0.05, seed: seed)
            return (0..<split.evaluationCount).map { split.evaluationSample($0) }
        }
        #expect(try held(1).count == 50)
        #expect(try held(1) == held(1))
        #expect(try held(1) != held(2))
        for (index, sample) in try held(1).enumerated() { #expect(sample / 20 == index) }
    }

    @Test("val_size is a fraction, rounded up, or a number of samples")
    func sizesOfTheSplit() throws {
        func held(_ size: Double) throws(CorpusError) -> Int {
            try HeldOutSplit(count: 100, valSize: size, seed: 0).evaluationCount
        }
        #expect(try held(0) == 0)
        #expect(try held(0.001) == 1)
        #expect(try held(0.25) == 25)
        #expect(try held(1) == 1)
        #expect(try held(99) == 99)
        for bad in [-1, -0.001, 1.5, 100, 1000, 0.999, .nan, .infinity] {
            let error = corpusError { () throws(CorpusError) in _ = try held(bad) }
            guard case .heldOut(_, 100) = error else {
                Issue.record("\(bad): \(String(describing: error))")
                continue
            }
        }
    }
}
