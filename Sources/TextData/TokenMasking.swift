/// Which tokens of a sample are hidden, and by what: BERT's masks, drawn from the run's seed and the
/// sample's position alone, so that a run resumes, and has other ranks, with the same masks.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1; as `DataCollatorForLanguageModeling` of
/// transformers has it: each token that is not special is chosen by itself.
package struct TokenMasking: Sendable {
    /// The chance of a token to be chosen (`mlm_probability`).
    package var probability = 0.15
    /// The part of the chosen that become the mask (`mask_replace_prob`).
    package var masked = 0.8
    /// The part of the chosen that become a token drawn from the whole vocabulary
    /// (`random_replace_prob`); the rest stay as they are.
    package var random = 0.1
    package var mask: Int32
    /// Never chosen.
    package var special: Set<Int32>
    /// Ids that a drawn token may have: 0 up to this.
    package var vocabulary: Int
    package var seed: UInt64

    package init(mask: Int32, special: Set<Int32>, vocabulary: Int, seed: UInt64) {
        self.mask = mask
        self.special = special
        self.vocabulary = vocabulary
        self.seed = seed
    }

    /// What a model reads of `ids`, and what it is to find: the chosen tokens in their places, −100 in
    /// all others. Both as long as `ids`.
    ///
    /// - Parameter sample: the sample's position in the run's order, another one in each epoch.
    package func callAsFunction(
        _ ids: ArraySlice<Int32>, sample: UInt64
    ) -> (inputs: [Int32], targets: [Int32]) {
        var inputs = Array(ids)
        var targets = [Int32](repeating: TokenBatch.ignoredTarget, count: inputs.count)
        var draws = Draws(seed: seed, sample: sample)
        for place in inputs.indices {
            // As many draws for each place, whatever comes of them.
            let (chosen, kind, token) = (draws.uniform(), draws.uniform(), draws.uniform())
            guard !special.contains(inputs[place]), chosen < probability else { continue }
            targets[place] = inputs[place]
            if kind < masked {
                inputs[place] = mask
            } else if kind < masked + random {
                inputs[place] = Int32(token * Double(vocabulary))
            }
        }
        return (inputs, targets)
    }
}

/// Random numbers of one sample, the same wherever they are drawn.
struct Draws {
    private let key: UInt64
    private var count: UInt64 = 0

    init(seed: UInt64, sample: UInt64) {
        key = KeyedPermutation.mix(KeyedPermutation.mix(seed) ^ sample)
    }

    /// On [0, 1), of 53 bits.
    mutating func uniform() -> Double {
        count += 1
        let bits = KeyedPermutation.mix(key &+ count &* 0x9E37_79B9_7F4A_7C15)
        return Double(bits >> 11) * 0x1p-53
    }
}
