/// UL2's mixture of denoisers: of each sample, one is drawn from the run's seed and the sample's position alone.
///
/// Source: Tay et al. 2022, arXiv:2205.05131, section 3.1 and table 1.
package struct DenoiserMixture: Sendable {
    package enum Mode: Int, CaseIterable, Sendable {
        /// R: short spans, few of them.
        case regular
        /// S: the rest of a text given its beginning.
        case sequential
        /// X: long spans, or many.
        case extreme

        /// What stands before an input.
        package var token: String {
            switch self {
            case .regular: "[NLU]"
            case .sequential: "[S2S]"
            case .extreme: "[NLG]"
            }
        }
    }

    /// Mean length of a span, and the part of the tokens that is hidden.
    private static let kinds: [Mode: [(mean: Double, density: Double)]] = [
        .regular: [(3, 0.15), (8, 0.15)],
        .extreme: [(3, 0.5), (8, 0.5), (64, 0.15), (64, 0.5)],
    ]

    /// Tokens of a sample: the most whose input fits with each denoiser.
    package let rawLength: Int
    /// Tokens of the longest input.
    package let inputLength: Int
    private let denoisers: [Mode: [SpanMasking]]
    /// By mode, in the order of ``Mode``.
    private let rates: [Double]
    private let seed: UInt64

    /// - Parameters:
    ///   - limit: tokens of an input, the mode's and the end included.
    ///   - rates: how often R, S and X are drawn.
    /// - Returns: `nil` where not even the shortest sample fits.
    package init?(inputLimit limit: Int, rates: [Double], seed: UInt64) {
        let all = Self.kinds.values.joined()
        let lengths = all.map {
            SpanMasking(inputLimit: limit - 1, density: $0.density, mean: $0.mean, seed: seed)?
                .rawLength
        }
        guard limit >= 4, let length = lengths.map({ $0 ?? 0 }).min(), length > 1 else {
            return nil
        }
        self.init(rawLength: length, inputLimit: limit, rates: rates, seed: seed)
    }

    /// Of the shortest samples there are.
    package init(shortestWith rates: [Double], seed: UInt64) {
        self.init(rawLength: 2, inputLimit: 4, rates: rates, seed: seed)
    }

    private init(rawLength length: Int, inputLimit: Int, rates: [Double], seed: UInt64) {
        rawLength = length
        inputLength = inputLimit
        self.rates = rates
        self.seed = seed
        denoisers = Self.kinds.mapValues { kinds in
            kinds.map {
                SpanMasking(
                    rawLength: length, density: $0.density, mean: $0.mean, seed: seed, stream: 1)
            }
        }
    }

    /// The most spans of a sample.
    package var spans: Int { denoisers.values.joined().map(\.spans).max() ?? 1 }

    /// Which denoiser a sample has: its mode, and its number within it.
    package func choice(sample: UInt64) -> (mode: Mode, number: Int) {
        var draws = Draws(seed: seed, sample: sample)
        let mode = Mode.allCases[draws.choice(rates)]
        return (mode, draws.below(denoisers[mode]?.count ?? 1))
    }

    /// What an encoder reads of `ids` and a decoder is to write.
    ///
    /// - Parameters:
    ///   - ids: ``rawLength`` of them.
    ///   - sentinels: in the order of their use, at least ``spans``.
    ///   - modes: the token of each mode, in the order of ``Mode``.
    package func callAsFunction(
        _ ids: ArraySlice<Int32>, sample: UInt64, sentinels: [Int32], modes: [Int32], end: Int32
    ) -> (input: [Int32], target: [Int32]) {
        let (mode, number) = choice(sample: sample)
        let first = [modes[mode.rawValue]]
        if let denoiser = denoisers[mode]?[number] {
            let (input, target) = denoiser(ids, sample: sample, sentinels: sentinels, end: end)
            return (first + input, target)
        }
        var draws = Draws(seed: seed, sample: sample, stream: 1)
        let split = ids.startIndex + 1 + draws.below(min(ids.count - 1, inputLength - 2))
        return (first + ids[..<split] + [end], ids[split...] + [end])
    }
}
