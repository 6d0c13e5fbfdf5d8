package import Configuration
import Foundation
import Kernels

/// Chooses tokens; the choice is a function of logits, history, seed and position.
///
/// Repetition penalty, temperature, top-k, top-p and min-p apply in this order, as in transformers'
/// `_get_logits_processor`.
package struct Sampler: Sendable {
    private var settings: SamplingSettings

    package init(_ settings: SamplingSettings) { self.settings = settings }

    /// Draws for one of several texts, which have nothing to do with those for the others. (Adding to the seed is
    /// not enough: positions are added to it, too.)
    package init(_ settings: SamplingSettings, text: Int) {
        self.settings = settings
        self.settings.seed = RandomStream.mixed(settings.seed, UInt64(text))
    }

    /// A token that may come next.
    package struct Candidate: Equatable, Sendable {
        package let token: Int32
        /// Among the candidates.
        package let probability: Double
    }

    /// The next token after `position` tokens.
    ///
    /// - Parameters:
    ///   - logits: (V)
    ///   - history: tokens so far.
    package func next(_ logits: [Float], history: [Int32], position: Int) -> Int32 {
        guard settings.temperature > 0 else {
            return Int32(TokenSelection.likeliest(penalized(logits, history)))
        }
        if settings.topK == 0, settings.topP == 1, settings.minP == 0 {
            return Int32(
                TokenSelection.drawn(
                    penalized(logits, history), scale: Float(1 / settings.temperature),
                    uniform: uniform(position)))
        }
        let candidates = candidates(logits, history: history)
        var draw = uniform(position)
        for candidate in candidates {
            draw -= candidate.probability
            if draw < 0 { return candidate.token }
        }
        return candidates.last?.token ?? 0
    }

    /// The next token of each of several rows, drawn on all threads: a vocabulary's powers take as long as the
    /// products of a small model.
    ///
    /// - Parameters:
    ///   - samplers: of the rows.
    ///   - logits: (V) of each row.
    ///   - histories: each row's tokens so far; their number is the position.
    static func next(
        _ samplers: [Sampler], _ logits: [[Float]], histories: [[Int32]], on threads: ThreadPool
    ) -> [Int32] {
        threads.map(samplers.count) { row in
            samplers[row].next(
                logits[row], history: histories[row], position: histories[row].count)
        }
    }

    /// The tokens that may be drawn, likeliest first, their probabilities adding up to 1. Of logits
    /// that are all −∞ or NaN none.
    package func candidates(_ logits: [Float], history: [Int32]) -> [Candidate] {
        let scores = penalized(logits, history)
        guard settings.temperature > 0 else {
            return [Candidate(token: Int32(TokenSelection.likeliest(scores)), probability: 1)]
        }
        var (order, weights, total) = likeliest(scores)
        // Kept are those before which less than top-p lies, so the likeliest always is.
        var (kept, before) = (0, 0.0)
        while kept < weights.count, kept == 0 || before < settings.topP * total {
            before += weights[kept]
            kept += 1
        }
        // The first weight is 1, so the others are shares of the likeliest one's.
        if settings.minP > 0 { kept = min(kept, weights.prefix { $0 >= settings.minP }.count) }
        (order, weights) = (Array(order.prefix(kept)), Array(weights.prefix(kept)))
        let sum = weights.reduce(0, +)
        return zip(order, weights).map { Candidate(token: $0, probability: $1 / sum) }
    }

    /// The likeliest tokens, enough for top-k and top-p, with weights relative to the first and the
    /// weight of all tokens that top-k keeps.
    private func likeliest(_ scores: [Float]) -> (order: [Int32], weights: [Double], total: Double)
    {
        var count = settings.topK > 0 ? settings.topK : 256
        while true {
            let order = TokenSelection.largest(count, of: scores)
            guard let first = order.first, scores[Int(first)] > -.infinity else {
                return ([], [], 0)
            }
            let top = Double(scores[Int(first)])
            let weights = order.map { exp((Double(scores[Int($0)]) - top) / settings.temperature) }
            let sum = weights.reduce(0, +)
            guard settings.topK == 0, order.count < scores.count else {
                return (order, weights, sum)
            }
            let all = TokenSelection.sumOfExponentials(
                scores, top: scores[Int(first)], scale: Float(1 / settings.temperature))
            if settings.topP < 1, sum >= settings.topP * all { return (order, weights, all) }
            count = settings.topP < 1 ? 8 * order.count : scores.count
        }
    }

    /// The logits, those of earlier tokens moved towards −∞. Source: Keskar et al. 2019,
    /// arXiv:1909.05858, section 4.1, with transformers' rule for negative logits.
    func penalized(_ logits: [Float], _ history: [Int32]) -> [Float] {
        guard settings.repetitionPenalty != 1 else { return logits }
        let penalty = Float(settings.repetitionPenalty)
        var scores = logits
        for token in history where scores.indices.contains(Int(token)) {
            let logit = logits[Int(token)]
            scores[Int(token)] = logit < 0 ? logit * penalty : logit / penalty
        }
        return scores
    }

    /// A number in [0, 1) for a position.
    private func uniform(_ position: Int) -> Double {
        Double(RandomStream.mixed(settings.seed, UInt64(position)) >> 11) * 0x1p-53
    }
}
