import Configuration
import Foundation
import Generation
import TestSupport
import Testing

@Suite struct SamplerTests {
    private struct References: Decodable {
        struct Case: Decodable {
            let row: Int
            let history: [Int32]
            let settings: [String: Double]
            let tokens: [Int32]
            let probabilities: [Double]
        }

        let rows: [[Float]]
        let cases: [Case]
    }

    private func settings(_ values: [String: Double]) -> SamplingSettings {
        var settings = SamplingSettings()
        settings.temperature = values["temperature"] ?? 1
        settings.topK = Int(values["top_k"] ?? 0)
        settings.topP = values["top_p"] ?? 1
        settings.minP = values["min_p"] ?? 0
        settings.repetitionPenalty = values["repetition_penalty"] ?? 1
        return settings
    }

    // transformers scales logits in float32, here in float64: a relative error of its roundings.
    @Test func candidatesAreThoseOfTransformers() throws {
        let file = TestSupport.References.folder.appendingPathComponent("sampling/candidates.json")
        let references = try JSONDecoder().decode(References.self, from: Data(contentsOf: file))
        #expect(references.cases.count == 32)
        for reference in references.cases {
            let found = Sampler(settings(reference.settings)).candidates(
                references.rows[reference.row], history: reference.history)
            let probabilities = found.map(\.probability)
            #expect(probabilities == probabilities.sorted(by: >), "\(reference.settings)")
            let byToken = found.sorted { $0.token < $1.token }
            #expect(byToken.map(\.token) == reference.tokens, "\(reference.settings)")
            for (candidate, expected) in zip(byToken, reference.probabilities) {
                #expect(
                    abs(candidate.probability - expected) < 3e-6 * expected,
                    "\(reference.settings): \(candidate) but \(expected)")
            }
        }
    }

    // 120 texts of tokens that are one of 100: one in a hundred is that of the text before, whichever of its
    // positions is compared. Of 5,712 a share of 0.02 is more than seven deviations away.
    @Test(arguments: [-1, 0, 1]) func textsDrawApart(shift: Int) {
        var settings = SamplingSettings()
        (settings.temperature, settings.topK, settings.topP, settings.seed) = (1, 0, 1, 42)
        let logits = [Float](repeating: 0, count: 100)
        let texts = (0..<120).map { text in
            let sampler = Sampler(settings, text: text)
            return (0..<50).map { sampler.next(logits, history: [], position: $0 + 7) }
        }
        var (same, all) = (0, 0)
        for (one, next) in zip(texts, texts.dropFirst()) {
            for position in 1..<49 {
                all += 1
                if one[position + shift] == next[position] { same += 1 }
            }
        }
        #expect(Double(same) < 0.02 * Double(all), "\(same) of \(all)")
    }

    @Test func drawsFollowTheProbabilities() {
        let logits: [Float] = [0, log(2), log(5), -1, log(2)]
        var settings = SamplingSettings()
        (settings.temperature, settings.topK, settings.topP) = (1, 4, 1)
        let sampler = Sampler(settings)
        let draws = 20_000
        var counts = [Int](repeating: 0, count: logits.count)
        for position in 0..<draws {
            counts[Int(sampler.next(logits, history: [], position: position))] += 1
        }
        // Five standard deviations of a share of draws are at most 0.018.
        for (count, share) in zip(counts, [0.1, 0.2, 0.5, 0, 0.2]) {
            #expect(abs(Double(count) / Double(draws) - share) < 0.018)
        }
        #expect(counts[3] == 0)
    }

    @Test func theFirstOfEqualLogitsIsTheGreedyChoice() {
        for (width, places) in [(3, [1, 2]), (1000, [300, 301, 900]), (50_000, [49_999])] {
            var logits = [Float](repeating: -2, count: width)
            for place in places { logits[place] = 4 }
            logits[0] = .nan
            let token = Sampler(.greedy).next(logits, history: [], position: 0)
            #expect(token == Int32(places[0]))
        }
    }

    @Test func theSameSeedAndPositionGiveTheSameToken() {
        let logits = (0..<300).map { Float($0 % 17) / 4 }
        let sampler = Sampler(SamplingSettings())
        let tokens = (0..<50).map { sampler.next(logits, history: [], position: $0) }
        #expect(tokens == (0..<50).map { sampler.next(logits, history: [1, 2], position: $0) })
        #expect(Set(tokens).count > 5)
    }
}
