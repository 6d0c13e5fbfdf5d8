import Foundation
import Masking
import TestSupport
import Testing

/// UL2's denoisers, beside a second program (scripts/references/objective_texts.py).
@Suite struct DenoiserMixtureTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            let limit, length: Int
            let rates: [Double]
            let sample: UInt64
            let input, target: [Int32]
        }

        let seed: UInt64
        let ul2: [Case]
    }

    private static let sentinels = (900...999).reversed().map(Int32.init)
    /// Of R, S and X.
    private static let modes: [Int32] = [5, 6, 7]

    private func denoised(
        _ mixture: DenoiserMixture, _ sample: UInt64
    ) -> (ids: [Int32], input: [Int32], target: [Int32]) {
        let ids = (0..<mixture.rawLength).map { Int32(10 + $0) }
        let (input, target) = mixture(
            ids[...], sample: sample, sentinels: Self.sentinels, modes: Self.modes, end: 1)
        return (ids, input, target)
    }

    @Test func samplesAreThoseOfTheSecondProgram() throws {
        let reference = try JSONDecoder().decode(
            Reference.self, from: Data(References.text("objectives/texts.json").utf8))
        #expect(reference.ul2.count == 36)
        for row in reference.ul2 {
            let mixture = try #require(
                DenoiserMixture(inputLimit: row.limit, rates: row.rates, seed: reference.seed))
            #expect(mixture.rawLength == row.length)
            let (_, input, target) = denoised(mixture, row.sample)
            #expect(input == row.input && target == row.target, "\(row.limit) \(row.sample)")
        }
    }

    @Test func modesComeAsOftenAsTheirRates() throws {
        let mixture = try #require(
            DenoiserMixture(inputLimit: 64, rates: [0.4, 0.2, 0.4], seed: 3))
        var counts: [DenoiserMixture.Mode: [Int]] = [:]
        let samples = 10_000.0
        for sample in 0..<10_000 {
            let (mode, number) = mixture.choice(sample: UInt64(sample))
            counts[mode, default: [0, 0, 0, 0]][number] += 1
        }
        // A binomial's deviation is √(n p (1 − p)); within a mode kinds are as likely.
        for (mode, kinds, rate) in [
            (DenoiserMixture.Mode.regular, 2, 0.4), (.sequential, 1, 0.2), (.extreme, 4, 0.4),
        ] {
            let own = try #require(counts[mode])
            for kind in 0..<4 {
                let p = kind < kinds ? rate / Double(kinds) : 0
                let deviation = (samples * p * (1 - p)).squareRoot()
                #expect(abs(Double(own[kind]) - samples * p) <= 3 * deviation, "\(mode) \(kind)")
            }
        }
    }

    @Test func inputAndTargetTogetherAreTheText() throws {
        let mixture = try #require(
            DenoiserMixture(inputLimit: 64, rates: [1, 1, 1], seed: 3))
        for sample in UInt64(0)..<200 {
            let (ids, input, target) = denoised(mixture, sample)
            #expect(input.count <= 64 && input.last == 1 && target.last == 1)
            let (mode, _) = mixture.choice(sample: sample)
            #expect(input.first == Self.modes[mode.rawValue])
            guard mode != .sequential else {
                #expect(input.dropFirst().dropLast() + target.dropLast() == ids)
                continue
            }
            var hidden: [Int32: [Int32]] = [:]
            var current: Int32 = -1
            for id in target.dropLast() {
                if Self.sentinels.contains(id) {
                    current = id
                } else {
                    hidden[current, default: []].append(id)
                }
            }
            #expect(input.dropFirst().dropLast().flatMap { hidden[$0] ?? [$0] } == ids)
        }
    }

    /// As many sentinels as T5 has are enough for as long inputs as T5 has.
    @Test func ahundredSentinelsAreEnoughForInputsOf512() throws {
        let mixture = try #require(
            DenoiserMixture(inputLimit: 512, rates: [0.4, 0.2, 0.4], seed: 3))
        // The shortest is that of short spans, 15 %: 568 for 512, 567 for what the mode leaves.
        #expect(mixture.rawLength == 567 && mixture.spans <= 100)
        #expect(DenoiserMixture(inputLimit: 3, rates: [1, 1, 1], seed: 3) == nil)
    }

    @Test func anotherSeedOrSampleIsAnotherDraw() throws {
        let one = try #require(DenoiserMixture(inputLimit: 64, rates: [0, 1, 0], seed: 3))
        let other = try #require(DenoiserMixture(inputLimit: 64, rates: [0, 1, 0], seed: 4))
        let lengths = (0..<50).map { denoised(one, $0).input.count }
        #expect(lengths == (0..<50).map { denoised(one, $0).input.count })
        #expect(lengths != (0..<50).map { denoised(other, $0).input.count })
        #expect(Set(lengths).count > 10)
    }
}
