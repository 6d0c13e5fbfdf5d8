import Foundation
import Kernels

/// Chooses an answer's tokens: a ``Sampler`` behind what a request adds to the logits.
struct AnswerSampler {
    private let request: AnswerRequest
    private let sampler: Sampler
    /// How often each token has come.
    private var counts: [Int32: Int] = [:]
    private let text: ConstrainedText?

    init(_ request: AnswerRequest) {
        self.request = request
        sampler = Sampler(request.sampling)
        text = request.constraint.map(ConstrainedText.init)
    }

    /// The next token of a text; `nil` where none is allowed.
    ///
    /// - Parameters:
    ///   - logits: (V)
    ///   - history: the prompt and the answer so far.
    mutating func next(_ logits: [Float], history: [Int32]) -> AnswerToken? {
        guard let scores = changed(logits) else { return nil }
        let id = sampler.next(scores, history: history, position: history.count)
        text?.take(id)
        counts[id, default: 0] += 1
        guard let alternatives = request.alternatives else {
            return AnswerToken(id: id, logProbability: 0, alternatives: [])
        }
        let scale = LogScale(logits)
        return AnswerToken(
            id: id, logProbability: scale.logProbability(logits[Int(id)]),
            alternatives: scale.likeliest(alternatives, of: logits))
    }

    /// The logits with the request's bias and penalties. Source: OpenAI's API reference, `logit_bias`,
    /// `presence_penalty` and `frequency_penalty`, over the answer's own tokens.
    private func changed(_ logits: [Float]) -> [Float]? {
        let penalizes = request.presencePenalty != 0 || request.frequencyPenalty != 0
        guard !request.bias.isEmpty || penalizes else { return masked(logits) }
        var scores = logits
        for (token, bias) in request.bias where scores.indices.contains(Int(token)) {
            scores[Int(token)] += bias
        }
        if penalizes {
            for (token, count) in counts where scores.indices.contains(Int(token)) {
                scores[Int(token)] -= Float(
                    request.presencePenalty + request.frequencyPenalty * Double(count))
            }
        }
        return masked(scores)
    }

    private func masked(_ scores: [Float]) -> [Float]? {
        guard let text else { return scores }
        return text.masked(scores, ends: request.ends)
    }

    /// Whether the answer is complete and nothing may follow.
    var isOver: Bool { text?.isOver ?? false }
}

/// What turns logits into log-probabilities.
package struct LogScale {
    private let shift: Double

    /// - Parameter logits: (V); the sum of their exponentials is taken in double precision.
    package init(_ logits: [Float]) {
        let top = logits.isEmpty ? 0 : logits[TokenSelection.likeliest(logits)]
        shift = Double(top) + log(TokenSelection.sumOfExponentials(logits, top: top, scale: 1))
    }

    package func logProbability(_ logit: Float) -> Float { Float(Double(logit) - shift) }

    /// The `count` likeliest tokens, likeliest first.
    package func likeliest(_ count: Int, of logits: [Float]) -> [AnswerToken.Choice] {
        TokenSelection.largest(count, of: logits).prefix(count).map {
            AnswerToken.Choice(id: $0, logProbability: logProbability(logits[Int($0)]))
        }
    }
}
