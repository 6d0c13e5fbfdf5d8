/// Which tokens of a sample are hidden, and by what, drawn from the run's seed and the sample's position
/// alone, so that a run resumes, and has other ranks, with the same masks.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1.
package struct TokenMasking: Sendable {
    /// What is chosen at once.
    package enum Unit: Sendable {
        /// Each token that is not special by itself, as `DataCollatorForLanguageModeling` of
        /// transformers has it.
        case token
        /// Whole words, so many that their tokens are ``TokenMasking/probability`` of the sample, at most
        /// `most`: `create_pretraining_data.py` of BERT.
        case words(WordTable, most: Int?)
        /// Each word by itself, always by the mask: `whole_word_mask` of transformers 5.
        case eachWord(WordTable)
        /// So many draws, with replacement, as are the share of the sample: ELECTRA's.
        case draws
        /// Spans of words: SpanBERT's.
        case spans(WordTable)
        /// Phrases, or in other samples tokens; `rate` is the part of the samples that has phrases: ERNIE's.
        case phrases(WordTable, PhraseTable, rate: Double)
    }

    package var unit = Unit.token
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
    /// Special tokens around a sample, which count for its length.
    package var framing = 0
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
        var draws = Draws(seed: seed, sample: sample)
        switch unit {
        case .token: return eachToken(Array(ids), &draws)
        case .words(let table, let most):
            var hidden = HiddenTokens(table.plain(ids))
            hideWords(table.words(in: ids, special: special), most: most, &hidden, &draws)
            return (hidden.inputs, hidden.targets)
        case .eachWord(let table):
            var hidden = HiddenTokens(table.plain(ids))
            for word in table.words(in: ids, special: special)
            where draws.uniform() < probability {
                for place in word { hidden.hide(place, as: mask) }
            }
            return (hidden.inputs, hidden.targets)
        case .draws:
            var hidden = HiddenTokens(Array(ids))
            hideDrawn(&hidden, &draws)
            return (hidden.inputs, hidden.targets)
        case .spans(let table):
            var hidden = HiddenTokens(table.plain(ids))
            hideSpans(table.words(in: ids, special: special), &hidden, &draws)
            return (hidden.inputs, hidden.targets)
        case .phrases(let table, let phrases, let rate):
            var hidden = HiddenTokens(table.plain(ids))
            let hasPhrases = draws.uniform() < rate
            let words = (hasPhrases ? table : .tokens).words(in: ids, special: special)
            hideUnits(
                hasPhrases ? phrases.units(of: words, in: hidden.inputs) : words, &hidden, &draws)
            return (hidden.inputs, hidden.targets)
        }
    }

    private func eachToken(
        _ ids: [Int32], _ draws: inout Draws
    ) -> (inputs: [Int32], targets: [Int32]) {
        var hidden = HiddenTokens(ids)
        for place in ids.indices {
            // As many draws for each place, whatever comes of them.
            let (chosen, kind, token) = (draws.uniform(), draws.uniform(), draws.uniform())
            guard !special.contains(ids[place]), chosen < probability else { continue }
            hidden.hide(place, as: replacement(of: ids[place], kind: kind, token: token))
        }
        return (hidden.inputs, hidden.targets)
    }

    /// What is read in a chosen token's place.
    private func replacement(of id: Int32, kind: Double, token: Double) -> Int32 {
        if kind < masked { return mask }
        return kind < masked + random ? Int32(token * Double(vocabulary)) : id
    }

    private func replacement(of id: Int32, _ draws: inout Draws) -> Int32 {
        let (kind, token) = (draws.uniform(), draws.uniform())
        return replacement(of: id, kind: kind, token: token)
    }

    /// Words in a drawn order, as long as they fit into what is to be hidden.
    private func hideWords(
        _ words: [Range<Int>], most: Int?, _ hidden: inout HiddenTokens, _ draws: inout Draws
    ) {
        // Halves are rounded to even, as Python does.
        let length = Double(hidden.inputs.count + framing)
        let share = Int((length * probability).rounded(.toNearestOrEven))
        let budget = min(most ?? .max, max(1, share))
        var count = 0
        for number in draws.order(words.count) {
            let word = words[number]
            guard count < budget else { break }
            guard count + word.count <= budget else { continue }
            count += word.count
            for place in word {
                hidden.hide(place, as: replacement(of: hidden.inputs[place], &draws))
            }
        }
    }

    /// Units whose first token is drawn; what is read in its place follows from the same number, in the places
    /// of the others from numbers of their own.
    ///
    /// Source: Sun et al. 2019, arXiv:1904.09223, section 3.2; `mask` of ERNIE 1.0's code.
    private func hideUnits(
        _ units: [Range<Int>], _ hidden: inout HiddenTokens, _ draws: inout Draws
    ) {
        for unit in units {
            var isChosen = false
            for place in unit {
                // As many draws for each place, whatever comes of them.
                let (number, token) = (draws.uniform(), draws.uniform())
                var share = number
                if place == unit.lowerBound {
                    isChosen = number < probability
                    share = number / probability
                }
                guard isChosen else { continue }
                hidden.hide(
                    place,
                    as: replacement(of: hidden.inputs[place], kind: 1 - share, token: token))
            }
        }
    }

    /// A token that is drawn twice is hidden by the mask if either draw says so.
    ///
    /// Source: `mask` of ELECTRA's code.
    private func hideDrawn(_ hidden: inout HiddenTokens, _ draws: inout Draws) {
        let ids = hidden.inputs
        let places = ids.indices.filter { !special.contains(ids[$0]) }
        guard !places.isEmpty else { return }
        let length = Double(ids.count + framing)
        let count = max(1, Int((length * probability).rounded(.toNearestOrEven)))
        for _ in 0..<count {
            let place = places[draws.below(places.count)]
            let id = draws.uniform() < masked ? mask : hidden.inputs[place]
            if hidden.has(place) {
                hidden.replace(place, by: id)
            } else {
                hidden.hide(place, as: id)
            }
        }
    }

    /// How likely spans of 1, 2, … words are, but for a factor: geometric, cut at 10.
    package static let spanLengthShares: [Double] = {
        var shares = [0.2]
        while shares.count < 10 { shares.append(shares[shares.count - 1] * 0.8) }
        return shares
    }()
    /// Draws in vain, for each token, after which a sample is left as it is.
    private static let tries = 20

    /// Spans of whole words from the word of a drawn token on, until the share is hidden; what is read in
    /// a span's places is of one kind.
    ///
    /// Source: Joshi et al. 2020, arXiv:1907.10529, section 3.1; `PairWithSpanMaskingScheme` of its code.
    private func hideSpans(
        _ words: [Range<Int>], _ hidden: inout HiddenTokens, _ draws: inout Draws
    ) {
        let places = words.flatMap { $0 }
        let numbers = words.indices.flatMap { number in words[number].map { _ in number } }
        let budget = Int((Double(places.count) * probability).rounded(.up))
        var left = Self.tries * places.count
        while hidden.count < budget, left > 0 {
            left -= 1
            let length = 1 + draws.choice(Self.spanLengthShares)
            let anchor = draws.below(places.count)
            guard !hidden.has(places[anchor]) else { continue }
            let kind = draws.uniform()
            for word in words[numbers[anchor]...].prefix(length) {
                for place in word where hidden.count < budget && !hidden.has(place) {
                    hidden.hide(
                        place,
                        as: replacement(
                            of: hidden.inputs[place], kind: kind, token: draws.uniform()))
                }
            }
        }
    }
}
