import Masking
import Testing

/// T5's spans.
@Suite struct SpanMaskingTests {
    /// Lengths of T5's own code, `random_spans_helper`: input limit, density, mean, raw length, target.
    static let lengths: [(limit: Int, density: Double, mean: Double, raw: Int, target: Int)] = [
        (512, 0.15, 3, 568, 114), (512, 0.15, 8, 588, 100), (128, 0.15, 3, 141, 29),
        (512, 0.5, 3, 766, 512), (256, 0.15, 3, 284, 58), (512, 0.5, 8, 908, 512),
        (1024, 0.15, 3, 1137, 229), (512, 0.15, 64, 600, 92), (64, 0.2, 2, 70, 22),
        (512, 0.5, 64, 1006, 512), (64, 0.2, 1, 63, 27),
    ]

    @Test(arguments: lengths)
    func lengthsAreThoseOfT5(
        _ row: (limit: Int, density: Double, mean: Double, raw: Int, target: Int)
    ) throws {
        let spans = try #require(
            SpanMasking(inputLimit: row.limit, density: row.density, mean: row.mean, seed: 1))
        #expect(spans.rawLength == row.raw)
        #expect(spans.targetLength == row.target)
        #expect(spans.inputLength <= row.limit)
    }

    @Test func inputAndTargetTogetherAreTheText() throws {
        let spans = try #require(SpanMasking(inputLimit: 64, density: 0.2, mean: 2, seed: 3))
        let ids = (0..<spans.rawLength).map { Int32(1000 + $0) }
        let sentinels = (0..<Int32(spans.spans)).map { 99 - $0 }
        for sample in UInt64(0)..<50 {
            let (input, target) = spans(ids[...], sample: sample, sentinels: sentinels, end: 1)
            #expect(input.count == spans.inputLength && target.count == spans.targetLength)
            #expect(input.last == 1 && target.last == 1 && target.first == 99)
            // Each sentinel stands in both, once and in order; its span goes where it stands.
            var hidden: [Int32: [Int32]] = [:]
            var current: Int32 = -1
            for id in target.dropLast() {
                if sentinels.contains(id) {
                    current = id
                } else {
                    hidden[current, default: []].append(id)
                }
            }
            #expect(input.filter(sentinels.contains) == sentinels)
            #expect(hidden.count == spans.spans && hidden.values.allSatisfy { !$0.isEmpty })
            let text = input.dropLast().flatMap { hidden[$0] ?? [$0] }
            #expect(text == ids)
        }
    }

    @Test func everyCompositionIsAsLikely() throws {
        // 3 hidden of 9 in two spans: (1, 2) and (2, 1); kept ones 1 to 5 of 6.
        let spans = SpanMasking(rawLength: 9, density: 1.0 / 3, mean: 1.5, seed: 5)
        #expect(spans.noise == 3 && spans.spans == 2)
        var counts: [[Int]: Int] = [:]
        let draws = 10_000
        for sample in 0..<draws {
            let lengths = spans.lengths(sample: UInt64(sample))
            #expect(lengths.reduce(0) { $0 + $1.kept } == 6)
            counts[[lengths[0].hidden, lengths[0].kept], default: 0] += 1
        }
        #expect(counts.count == 10)
        // A binomial's deviation is √(n p (1 − p)) = 30 for p = 0.1; four of them for ten counts.
        #expect(counts.values.allSatisfy { abs($0 - draws / 10) < 120 })
    }

    @Test func spansDependOnSeedAndSampleAlone() throws {
        let first = SpanMasking(rawLength: 100, density: 0.15, mean: 3, seed: 1)
        let other = SpanMasking(rawLength: 100, density: 0.15, mean: 3, seed: 2)
        func kept(_ spans: SpanMasking, _ sample: UInt64) -> [Int] {
            spans.lengths(sample: sample).flatMap { [$0.kept, $0.hidden] }
        }
        #expect(kept(first, 4) == kept(first, 4))
        #expect(kept(first, 4) != kept(first, 5))
        #expect(kept(first, 4) != kept(other, 4))
    }
}
