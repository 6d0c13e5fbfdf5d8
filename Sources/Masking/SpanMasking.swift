/// Which spans of a sample are hidden: T5's, drawn from the run's seed and the sample's position alone.
///
/// Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.4; as `random_spans_noise_mask` of T5's code
/// has it: texts begin with what is kept and end with what is hidden.
package struct SpanMasking: Sendable {
    /// Tokens of a sample.
    package let rawLength: Int
    /// Tokens that are hidden, and in how many spans.
    package let noise: Int
    package let spans: Int
    package let seed: UInt64
    /// Of random numbers.
    private let stream: UInt64

    /// - Parameters:
    ///   - rawLength: at least 2.
    ///   - density: the part of the tokens that is hidden.
    ///   - mean: length of a span.
    ///   - stream: of random numbers, where a sample has others too.
    package init(
        rawLength: Int, density: Double, mean: Double, seed: UInt64, stream: UInt64 = 0
    ) {
        self.rawLength = rawLength
        (noise, spans) = Self.counts(rawLength, density: density, mean: mean)
        self.seed = seed
        self.stream = stream
    }

    /// The longest sample whose input, with a sentinel for each span and the end, has at most `limit`
    /// tokens. `nil` where not even the shortest has.
    ///
    /// Source: `compute_input_and_target_lengths` of the Hugging Face example.
    package init?(inputLimit limit: Int, density: Double, mean: Double, seed: UInt64) {
        func lengths(_ raw: Int) -> (input: Int, target: Int) {
            let (noise, spans) = Self.counts(raw, density: density, mean: mean)
            return (raw - noise + spans + 1, noise + spans + 1)
        }
        var raw = 2
        guard lengths(raw).input <= limit else { return nil }
        while raw < 1 << 24, lengths(raw + 1).input <= limit { raw += 1 }
        if density == 0.5, lengths(raw).target > lengths(raw).input, raw > 2 { raw -= 1 }
        self.init(rawLength: raw, density: density, mean: mean, seed: seed)
    }

    private static func counts(
        _ length: Int, density: Double, mean: Double
    ) -> (noise: Int, spans: Int) {
        // Halves are rounded to even, as in NumPy.
        let noise = Int((Double(length) * density).rounded(.toNearestOrEven))
        let hidden = min(max(noise, 1), length - 1)
        let spans = Int((Double(hidden) / mean).rounded(.toNearestOrEven))
        // A composition into positive parts: no more spans than tokens on either side.
        return (hidden, min(max(spans, 1), hidden, length - hidden))
    }

    /// Tokens of the input and of the target, their ends included.
    package var inputLength: Int { rawLength - noise + spans + 1 }
    package var targetLength: Int { noise + spans + 1 }

    /// Where hidden spans lie: kept and hidden lengths in turn, kept first.
    ///
    /// - Parameter sample: the sample's position in the run's order, another one in each epoch.
    package func lengths(sample: UInt64) -> [(kept: Int, hidden: Int)] {
        var draws = Draws(seed: seed, sample: sample, stream: stream)
        let hidden = Self.composition(of: noise, parts: spans, &draws)
        let kept = Self.composition(of: rawLength - noise, parts: spans, &draws)
        return zip(kept, hidden).map { (kept: $0, hidden: $1) }
    }

    /// A uniform composition of `total` into positive parts: `parts` − 1 of the total − 1 places between
    /// units become borders.
    private static func composition(of total: Int, parts: Int, _ draws: inout Draws) -> [Int] {
        var lengths: [Int] = []
        var (length, wanted) = (1, parts - 1)
        for place in 0..<total - 1 {
            let left = total - 1 - place
            if draws.uniform() * Double(left) < Double(wanted) {
                lengths.append(length)
                length = 0
                wanted -= 1
            }
            length += 1
        }
        return lengths + [length]
    }

    /// What an encoder reads of `ids` and a decoder is to write: each hidden span becomes a sentinel in
    /// the input; the target has each sentinel before its span. Both end with `end`.
    ///
    /// - Parameter sentinels: in the order of their use, at least ``spans``.
    package func callAsFunction(
        _ ids: ArraySlice<Int32>, sample: UInt64, sentinels: [Int32], end: Int32
    ) -> (input: [Int32], target: [Int32]) {
        precondition(
            ids.count == rawLength && sentinels.count >= spans,
            "spans: \(ids.count) ids of \(rawLength), \(sentinels.count) sentinels for \(spans) spans"
        )
        var (input, target): ([Int32], [Int32]) = ([], [])
        var place = ids.startIndex
        for (number, span) in lengths(sample: sample).enumerated() {
            input += ids[place..<place + span.kept] + [sentinels[number]]
            place += span.kept
            target += [sentinels[number]] + ids[place..<place + span.hidden]
            place += span.hidden
        }
        return (input + [end], target + [end])
    }
}
