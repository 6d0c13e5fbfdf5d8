import Foundation
package import TextData
import Tokenizers

/// What is asked of a model that answers questions; named as the Hugging Face example's settings.
package struct AnswerSettings: Sendable, Equatable {
    /// Whether some questions have no answer (`version_2_with_negative`).
    package var allowsNone: Bool
    /// By how much none has to be likelier than the best answer (`null_score_diff_threshold`).
    package var threshold: Double
    /// Answers that are kept, and likeliest starts and ends that they are made of (`n_best_size`).
    package var kept: Int
    /// Tokens of an answer at most (`max_answer_length`).
    package var longest: Int

    package init(allowsNone: Bool, threshold: Double, kept: Int, longest: Int) {
        self.allowsNone = allowsNone
        self.threshold = threshold
        self.kept = kept
        self.longest = longest
    }
}

/// An answer that a model may give.
package struct AnswerCandidate: Sendable, Equatable {
    package let text: String
    package let startLogit: Float
    package let endLogit: Float
    package internal(set) var probability: Float = 0
}

/// Finds the likeliest answers to a question in the windows over its context.
///
/// Source: `postprocess_qa_predictions` of the Hugging Face example for question answering, after Devlin et
/// al. 2018, arXiv:1810.04805, section 4.2.
package struct AnswerSearch: Sendable {
    /// What a question came to.
    package struct Result: Sendable, Equatable {
        /// Empty where there is none.
        package let answer: String
        /// The likeliest first.
        package let candidates: [AnswerCandidate]
        /// By how much none is likelier than the best answer; 0 where all questions have one.
        package let oddsOfNone: Float
    }

    private let settings: AnswerSettings

    package init(_ settings: AnswerSettings) { self.settings = settings }

    /// A pair of places in a text with its score; of none, both are 0.
    private struct Candidate {
        let offset: TokenOffset
        let start: Float
        let end: Float
        var score: Float { start + end }
        var isNone: Bool { offset == .none }
    }

    /// - Parameter scores: of each window's tokens, starts then ends.
    package func result(
        _ question: HeldOutQuestion, _ scores: [[Float]]
    ) -> Result {
        precondition(scores.count == question.windows.count, "scores of other windows")
        let context = Array(question.context.unicodeScalars)
        var found: [Candidate] = []
        var none: Candidate?
        for (window, scores) in zip(question.windows, scores) {
            let count = scores.count / 2
            let starts = scores[..<count]
            let ends = scores[count...]
            guard let start = starts.first, let end = ends.first else { continue }
            let one = Candidate(offset: .none, start: start, end: end)
            if none.map({ $0.score > one.score }) ?? true { none = one }
            found += candidates(window, starts, ends)
        }
        if settings.allowsNone, let none { found.append(none) }
        var best = found.enumerated()
            .sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }
            .prefix(settings.kept).map(\.element)
        if settings.allowsNone, let none, !best.contains(where: \.isNone) { best.append(none) }
        let candidates = weighed(
            best.map { candidate in
                AnswerCandidate(
                    text: Self.text(context, candidate.offset), startLogit: candidate.start,
                    endLogit: candidate.end)
            })
        guard settings.allowsNone, let none else {
            return Result(
                answer: candidates.first?.text ?? "", candidates: candidates, oddsOfNone: 0)
        }
        let likeliest = candidates.first { !$0.text.isEmpty }
        let odds = none.score - (likeliest?.startLogit ?? 0) - (likeliest?.endLogit ?? 0)
        return Result(
            answer: Double(odds) > settings.threshold ? "" : likeliest?.text ?? "",
            candidates: candidates, oddsOfNone: odds)
    }

    /// A part of a context; none where its end comes first.
    private static func text(_ context: [Unicode.Scalar], _ offset: TokenOffset) -> String {
        let end = min(Int(offset.end), context.count)
        let part = context[min(Int(offset.start), end)..<end]
        return String(String.UnicodeScalarView(part))
    }

    /// Of the likeliest starts and ends all pairs that make an answer.
    private func candidates(
        _ window: AnswerWindow, _ starts: ArraySlice<Float>, _ ends: ArraySlice<Float>
    ) -> [Candidate] {
        var found: [Candidate] = []
        let lasts = likeliest(ends).map { ($0, ends[ends.startIndex + $0]) }
        for start in likeliest(starts) {
            guard let first = window.offset(start) else { continue }
            for (end, score) in lasts where end >= start && end - start < settings.longest {
                guard let last = window.offset(end) else { continue }
                found.append(
                    Candidate(
                        offset: TokenOffset(first.start, last.end),
                        start: starts[starts.startIndex + start], end: score))
            }
        }
        return found
    }

    /// The places of the greatest scores, the greatest first; of equals the last.
    private func likeliest(_ scores: ArraySlice<Float>) -> [Int] {
        let order = scores.enumerated().sorted { ($0.element, $0.offset) > ($1.element, $1.offset) }
        return order.prefix(settings.kept).map(\.offset)
    }

    /// The same with their shares; where there is no answer, a stand-in goes first, as in the example.
    private func weighed(_ candidates: [AnswerCandidate]) -> [AnswerCandidate] {
        var candidates = candidates
        if candidates.allSatisfy(\.text.isEmpty), candidates.count < 2 || settings.allowsNone {
            candidates.insert(AnswerCandidate(text: "empty", startLogit: 0, endLogit: 0), at: 0)
        }
        let scores = candidates.map { $0.startLogit + $0.endLogit }
        let most = scores.max() ?? 0
        let powers = scores.map { exp($0 - most) }
        let total = powers.reduce(0, +)
        for index in candidates.indices { candidates[index].probability = powers[index] / total }
        return candidates
    }
}
