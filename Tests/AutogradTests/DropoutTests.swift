import Autograd
import Kernels
import Testing

@Suite struct DropoutTests {
    private let source = DropoutSource(seed: 5, sampleIDs: [10, 11, 12])

    @Test(arguments: Setting.all, [Float(0.1), 0.5, 0.9])
    func elementsAreDroppedOrScaledAndKeepTheirMean(setting: Setting, probability: Float) {
        let count = 3 * 40_000
        let y = masks(setting, source, probability: probability, width: 40_000)[0]
        let kept = y.filter { $0 != 0 }
        // 1/(1 − p), rounded to the type.
        let scale = 1 / (1 - probability)
        #expect(kept.allSatisfy { abs($0 - scale) <= scale * Float(setting.type.roundoff) })
        // Four standard deviations of a binomial share.
        let p = Double(probability)
        let bound = 4 * (p * (1 - p) / Double(count)).squareRoot()
        #expect(abs(Double(kept.count) / Double(count) - (1 - p)) < bound)
    }

    @Test func masksDependOnSeedStreamAndSampleOnly() {
        let setting = Setting(type: .float32, threads: 1)
        let first = masks(setting, source, probability: 0.5, width: 500)
        #expect(first == masks(setting, source, probability: 0.5, width: 500))
        #expect(first[0] != first[1])
        // Sample 12 in another batch, at another place and with other threads.
        let other = DropoutSource(seed: 5, sampleIDs: [12, 77])
        let second = masks(Setting(type: .float32, threads: 3), other, probability: 0.5, width: 500)
        for stream in 0..<2 {
            #expect(second[stream].prefix(500) == first[stream].suffix(500))
            #expect(second[stream].suffix(500) != first[stream].suffix(500))
        }
        let seeded = DropoutSource(seed: 6, sampleIDs: [10, 11, 12])
        #expect(masks(setting, seeded, probability: 0.5, width: 500)[0] != first[0])
    }

    @Test(arguments: Setting.all)
    func masksDoNotDependOnTypeOrThreads(setting: Setting) {
        let expected = masks(
            Setting(type: .float32, threads: 1), source, probability: 0.5, width: 77)
        #expect(masks(setting, source, probability: 0.5, width: 77) == expected)
    }

    // At x = 1 and an upstream gradient of 1, y and dx are the mask itself.
    @Test(arguments: Setting.all)
    func backwardUsesTheMaskOfForward(setting: Setting) {
        let run = OpRun(setting, dropout: source)
        let ones = [Float](repeating: 1, count: 3 * 50)
        let x = run.leaf([3, 5, 10], ones)
        let residual = run.leaf([3, 5, 10], ones.map { $0 * 3 }, as: .float32)
        let y = run.pass.add(x.tensor, to: residual.tensor, dropping: 0.3)
        #expect(y.type == .float32)
        run.backward(y, ones)
        let mask = run.workspace.numbers(y).map { $0 - 3 }
        #expect(Set(mask.map { $0 == 0 }) == [true, false])
        #expect(residual.gradient == ones)
        // float32 y = 3 + 1/0.7 carries one rounding that dx does not have; dx has its type's.
        for (found, wanted) in zip(x.gradient ?? [], mask) {
            #expect(abs(found - wanted) <= 2 * Float(setting.type.roundoff) + 1e-6)
            #expect((found == 0) == (wanted == 0))
        }
        #expect(x.gradient?.count == mask.count)
    }

    @Test func nothingIsDroppedOutsideTraining() {
        let run = OpRun()
        let x = run.leaf([2, 3], [1, 2, 3, 4, 5, 6])
        #expect(
            run.workspace.numbers(run.pass.dropout(x.tensor, probability: 0.5)) == [
                1, 2, 3, 4, 5, 6,
            ])
        #expect(!run.pass.drops(0.5))
        let training = OpRun(dropout: DropoutSource(seed: 1, sampleIDs: [1, 2]))
        let y = training.leaf([2, 3], [1, 2, 3, 4, 5, 6])
        #expect(
            training.workspace.numbers(training.pass.dropout(y.tensor, probability: 0)) == [
                1, 2, 3, 4, 5, 6,
            ])
        #expect(training.pass.drops(0.5) && !training.pass.drops(0))
    }

    @Test(arguments: Setting.all)
    func batchOfNoSequencesPasses(setting: Setting) {
        let run = OpRun(setting, dropout: DropoutSource(seed: 1, sampleIDs: []))
        let x = run.leaf([0, 4, 2], [])
        run.backward(run.pass.dropout(x.tensor, probability: 0.5), [])
        #expect(x.gradient == [])
    }

    // With q = 0 every probability is 1/T; one-hot values show the kept ones.
    @Test(arguments: Setting.all)
    func attentionKeepsTheMeanOfItsProbabilities(setting: Setting) {
        let (times, heads) = (64, 3)
        let run = OpRun(setting, dropout: DropoutSource(seed: 9, sampleIDs: [3, 4]))
        let zeros = [Float](repeating: 0, count: 2 * times * heads * times)
        var values = zeros
        for row in 0..<2 * times {
            for head in 0..<heads { values[(row * heads + head) * times + row % times] = 1 }
        }
        var settings = AttentionSettings(heads: heads, groups: heads, headSize: times, scale: 1)
        settings.ahead = nil
        settings.dropout = 0.25
        let x = run.leaf([2, times, heads * times], zeros)
        let v = run.leaf([2, times, heads * times], values)
        let y = run.pass.attention(.separate(q: x.tensor, k: x.tensor, v: v.tensor), settings)
        let found = run.workspace.numbers(y)
        let kept = found.filter { $0 != 0 }
        let value = 1 / Float(times) / 0.75
        #expect(kept.allSatisfy { abs($0 - value) <= 3 * value * Float(setting.type.roundoff) })
        // 24576 draws: four standard deviations.
        let share = Double(kept.count) / Double(found.count)
        #expect(abs(share - 0.75) < 4 * (0.25 * 0.75 / Double(found.count)).squareRoot())
        // Heads and sequences have masks of their own.
        var masks = [[Bool]](repeating: [], count: heads)
        for (place, value) in found.enumerated() {
            masks[place / times % heads].append(value != 0)
        }
        #expect(Set(masks).count == heads)
    }

    /// The masks of two dropouts of a pass, as multiples of ones (3 or fewer sequences).
    private func masks(
        _ setting: Setting, _ source: DropoutSource, probability: Float, width: Int
    ) -> [[Float]] {
        let run = OpRun(setting, dropout: source)
        let batch = source.sampleIDs.count
        let x = run.leaf([batch, width], [Float](repeating: 1, count: batch * width))
        return (0..<2).map { _ in
            run.workspace.numbers(run.pass.dropout(x.tensor, probability: probability))
        }
    }
}
