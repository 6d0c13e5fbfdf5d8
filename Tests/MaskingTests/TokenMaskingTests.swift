import Masking
import Testing

/// Masks as BERT draws them: 15 % of the tokens, of which 80 % are hidden and 10 % replaced.
@Suite struct TokenMaskingTests {
    private static let special: Set<Int32> = [0, 1, 2]

    private func masking(seed: UInt64 = 7) -> TokenMasking {
        TokenMasking(mask: 3, special: Self.special, vocabulary: 1000, seed: seed)
    }

    /// Ids from 4 on, with a special token in each tenth place.
    private func sample(_ number: Int, count: Int = 500) -> ArraySlice<Int32> {
        (0..<count).map { $0 % 10 == 0 ? Int32($0 / 10 % 3) : Int32(4 + ($0 * 31 + number) % 990) }[
            ...]
    }

    @Test func sharesLieWithinThreeDeviations() {
        var (tokens, chosen, hidden, kept) = (0.0, 0.0, 0.0, 0.0)
        for number in 0..<400 {
            let ids = Array(sample(number))
            let (inputs, targets) = masking()(ids[...], sample: UInt64(number))
            for place in ids.indices where !Self.special.contains(ids[place]) {
                tokens += 1
                guard targets[place] >= 0 else { continue }
                chosen += 1
                if inputs[place] == 3 { hidden += 1 }
                if inputs[place] == ids[place] { kept += 1 }
            }
        }
        // A binomial's deviation is √(n p (1 − p)); a drawn token is the old one once in 1000.
        func lies(_ count: Double, _ n: Double, _ p: Double) -> Bool {
            abs(count - n * p) < 3 * (n * p * (1 - p)).squareRoot()
        }
        #expect(lies(chosen, tokens, 0.15))
        #expect(lies(hidden, chosen, 0.8))
        #expect(lies(kept, chosen, 0.1 + 0.1 / 1000))
    }

    @Test func inputAndTargetsTogetherAreTheTextAndSpecialTokensStay() {
        let ids = Array(sample(1))
        let (inputs, targets) = masking()(ids[...], sample: 9)
        for place in ids.indices {
            #expect((targets[place] >= 0 ? targets[place] : inputs[place]) == ids[place])
            if Self.special.contains(ids[place]) {
                #expect(targets[place] == HiddenTokens.ignoredTarget && inputs[place] == ids[place])
            }
        }
    }

    @Test func masksDependOnSeedAndSampleAlone() {
        let ids = sample(2)
        let first = masking()(ids, sample: 11)
        #expect(first == masking()(ids, sample: 11))
        #expect(first != masking()(ids, sample: 12))
        #expect(first != masking(seed: 8)(ids, sample: 11))
        // A slice of a longer array is masked as an array of its own.
        #expect(first == masking()(([1, 2, 3] + ids)[3...], sample: 11))
    }

    @Test func sharesAreThoseAskedFor() {
        var all = masking()
        all.probability = 1
        all.masked = 0
        all.random = 0
        let ids = Array(sample(3))
        let (inputs, targets) = all(ids[...], sample: 0)
        #expect(inputs == ids)
        #expect(targets.count { $0 >= 0 } == 450)
        all.random = 1
        #expect(all(ids[...], sample: 0).inputs.allSatisfy { (0..<1000).contains($0) })
        all.masked = 1
        all.random = 0
        #expect(all(ids[...], sample: 0).inputs.count { $0 == 3 } == 450)
    }
}
