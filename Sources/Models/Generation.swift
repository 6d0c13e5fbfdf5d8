import Autograd
import Foundation
package import Kernels

/// How the next token is chosen.
package struct SamplingSettings: Sendable {
    /// 0 always takes the likeliest.
    package var temperature = 0.95
    /// Only so many of the likeliest; 0 means all.
    package var topK = 50
    /// Only the likeliest that together have this probability.
    package var topP = 0.7
    /// Divides (or, below zero, multiplies) the logits of tokens that occurred before.
    package var repetitionPenalty = 1.0
    package var seed: UInt64 = 42

    package init() {}
}

/// Chooses tokens; the choice is a function of logits, seed and position.
package struct Sampler: Sendable {
    private let settings: SamplingSettings

    package init(_ settings: SamplingSettings) { self.settings = settings }

    /// The next token after `position` tokens.
    ///
    /// Penalty, temperature, top-k and top-p apply in this order, as transformers applies them.
    /// - Parameters:
    ///   - logits: (V)
    ///   - history: tokens so far.
    package func next(_ logits: [Float], history: [Int32], position: Int) -> Int32 {
        var scores = logits
        if settings.repetitionPenalty != 1 {
            let penalty = Float(settings.repetitionPenalty)
            for token in Set(history) where scores.indices.contains(Int(token)) {
                let score = scores[Int(token)]
                scores[Int(token)] = score > 0 ? score / penalty : score * penalty
            }
        }
        guard settings.temperature > 0 else {
            return Int32(scores.indices.max { scores[$0] < scores[$1] } ?? 0)
        }
        var order = Array(scores.indices).sorted { (scores[$0], $1) > (scores[$1], $0) }
        if settings.topK > 0 { order = Array(order.prefix(settings.topK)) }
        let top = Double(scores[order[0]])
        var weights = order.map { exp((Double(scores[$0]) - top) / settings.temperature) }
        let total = weights.reduce(0, +)
        if settings.topP < 1 {
            var sum = 0.0
            let kept = weights.firstIndex { weight in
                sum += weight / total
                return sum >= settings.topP
            }
            weights = Array(weights.prefix((kept ?? weights.count - 1) + 1))
        }
        var draw = uniform(position) * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            draw -= weight
            if draw < 0 { return Int32(order[index]) }
        }
        return Int32(order[weights.count - 1])
    }

    /// A number in [0, 1) for a position.
    private func uniform(_ position: Int) -> Double {
        Double(RandomStream.mixed(settings.seed, UInt64(position)) >> 11) * 0x1p-53
    }
}

extension LanguageModel {
    /// Continues `prompt`, one token at a time, until `ends` or `count` tokens are there.
    ///
    /// - Parameter body: called with each new token; returning false ends it.
    package func generate(
        after prompt: [Int32], count: Int, sampler: Sampler, ends: Set<Int32>,
        computeType: ElementType, in workspace: Workspace, _ body: (Int32) -> Bool
    ) {
        let room = description.hasFixedPositions ? description.maximumPositions : Int.max
        let most = min(count, room - prompt.count)
        guard most > 0, !prompt.isEmpty else { return }
        let cache = KeyValueCache(capacity: prompt.count + most)
        var tokens = prompt
        var input = prompt
        for _ in 0..<most {
            let pass = ForwardPass(workspace: workspace, computeType: computeType, cache: cache)
            let token = sampler.next(
                nextLogits(input, in: pass), history: tokens, position: tokens.count)
            guard !ends.contains(token), body(token) else { return }
            tokens.append(token)
            input = [token]
        }
    }
}
