import Testing
import TextData

@Suite struct LengthGroupsTests {
    /// Samples of given lengths that hold nothing.
    private struct Lengths: SampleSource {
        let lengths: [Int]
        var count: Int { lengths.count }
        var hasSegments: Bool { false }
        func columns(forLongest length: Int) -> Int { length }
        func length(of sample: Int) -> Int { lengths[sample] }
        func fill(row: Int, of batch: inout TokenBatch, with sample: Int) {}
    }

    private static let source = Lengths(lengths: (0..<1013).map { 5 + $0 * 7919 % 509 })

    private func order(seed: UInt64 = 3, step: Int = 8, epoch: Int = 0) -> [Int] {
        let samples = TrainingSamples(
            Self.source, seed: seed, shuffled: true, globalBatch: step, grouped: true)
        return (0..<Self.source.count).compactMap {
            samples.sample(at: epoch * samples.epochLength + $0)
        }
    }

    @Test func everyEpochHasEachSampleOnce() {
        for (epoch, step) in [(0, 8), (1, 8), (2, 1), (0, 13), (0, 600), (1, 2000)] {
            #expect(
                order(step: step, epoch: epoch).sorted() == Array(0..<1013), "\(epoch) \(step)")
        }
    }

    @Test(arguments: [false, true]) func samplesLeftOutAreInNoStep(grouped: Bool) {
        let samples = TrainingSamples(
            Self.source, seed: 3, shuffled: true, globalBatch: 8, leftOut: 14, grouped: grouped)
        #expect(samples.epochLength == 1000)
        let taken = (0..<2000).map(samples.sample)
        for epoch in [taken[..<1000], taken[1000...]] {
            #expect(Set(epoch.compactMap { $0 }).count == 999 && epoch.last == .some(nil))
        }
        #expect(Set(taken[..<1000]) != Set(taken[1000...]))
    }

    @Test func ordersAreDrawnFromTheSeedAndTheEpoch() {
        let orders = [order(), order(epoch: 1), order(seed: 4)]
        #expect(Set(orders).count == 3 && order() == orders[0])
    }

    // Positions are asked for out of turn where a run resumes, and again after other windows.
    @Test func aPositionHasItsSampleWhateverWasAskedBefore() {
        let samples = TrainingSamples(
            Self.source, seed: 3, shuffled: true, globalBatch: 8, grouped: true)
        let expected = order()
        for place in [700, 3, 1012, 0, 500, 701] {
            #expect(samples.sample(at: place) == expected[place])
        }
        // Steps of 8 leave three rows to fill up at the end of an epoch.
        #expect((1013..<1016).allSatisfy { samples.sample(at: $0) == nil })
    }

    @Test func stepsHoldSamplesOfSimilarLengthInADrawnOrder() {
        func spread(_ order: [Int]) -> (within: Int, filled: Double, rising: Int) {
            let steps = stride(from: 0, to: order.count, by: 8).map {
                order[$0..<min($0 + 8, order.count)].map { Self.source.lengths[$0] }
            }
            let most = steps.map { $0.max() ?? 0 }
            let places = zip(most, steps).reduce(0) { $0 + $1.0 * $1.1.count }
            let tokens = steps.reduce(0) { $0 + $1.reduce(0, +) }
            return (
                steps.map { ($0.max() ?? 0) - ($0.min() ?? 0) }.max() ?? 0,
                Double(places) / Double(tokens),
                zip(most, most.dropFirst()).filter { $0 < $1 }.count
            )
        }
        let plain = TrainingSamples(Self.source, seed: 3, shuffled: true, globalBatch: 8)
        let mixed = spread((0..<1013).compactMap { plain.sample(at: $0) })
        let grouped = spread(order())
        // Lengths are spread evenly from 5 to 513: a window of 31 steps has a sample every 2 tokens.
        #expect(grouped.filled < 1.04 && mixed.filled > 1.5)
        #expect(grouped.rising > 40 && grouped.rising < 90)
    }
}
