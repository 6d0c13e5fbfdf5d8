package import Autograd
package import Models
package import TextData

/// Log-probabilities of answers to prompts under a model, and how a function of them is learned.
///
/// A function of an answer's summed log-probability needs that sum before it has a gradient. The model's
/// states are computed once; its logits twice, for the sums and then for the gradient, so that no logits
/// are kept.
struct AnswerScoring {
    private let head: LanguageHead
    let rows: AnswerRows
    /// (R·T): what a token's log-probability counts in its answer's sum; `nil` for 1.
    var tokenWeights: [Float]?
    private let hidden: Tensor

    /// - Parameter head: in place of the model's own.
    init(
        _ model: any LanguageModel, _ rows: AnswerRows, head: LanguageHead? = nil,
        in pass: ForwardPass
    ) {
        self.head = head ?? model.languageHead
        self.rows = rows
        // What follows a text is not seen by a decoder in any case.
        hidden = model.hiddenStates(
            rows.ids, batch: rows.count, segments: nil, textLengths: rows.lengths, in: pass)
    }

    /// The summed log-probabilities of each row's answer, 0 for rows that only fill up. (R)
    func sums(in pass: ForwardPass) -> [Double] {
        let found = head.logProbabilities(hidden, targets: rows.targets, in: bare(pass))
        return (0..<rows.count).map { row in
            rows.targetPlaces(of: row).reduce(0) { sum, place in
                sum + Double(found[place]) * Double(tokenWeights?[place] ?? 1)
            }
        }
    }

    /// Log-probability and entropy of each token of the answers, 0 elsewhere. (R·T)
    func tokenScores(in pass: ForwardPass) -> TargetScores {
        head.targetScores(hidden, targets: rows.targets, in: bare(pass))
    }

    /// A pass without record: nothing is learned of these logits.
    private func bare(_ pass: ForwardPass) -> ForwardPass {
        ForwardPass(
            workspace: pass.workspace, computeType: pass.computeType,
            appliesAdapters: pass.appliesAdapters)
    }

    /// A function of single tokens' log-probabilities as a loss.
    ///
    /// - Parameters:
    ///   - value: the function's.
    ///   - tokenGradients: its derivatives by each token's. (R·T)
    ///   - targets: what the loss is the sum over.
    func loss(
        _ value: Double, tokenGradients: [Float], targets: Int, in pass: ForwardPass
    ) -> Loss {
        head.loss(
            // A cross-entropy is a negative log-probability.
            hidden, targets: rows.targets, rowWeights: tokenGradients.map { -$0 }, in: pass
        ).standing(for: value, targets: targets)
    }

    /// A function of the sums as a loss.
    ///
    /// - Parameters:
    ///   - value: the function's.
    ///   - gradients: its derivatives by each row's sum. (R)
    ///   - targets: what the loss is the sum over.
    func loss(
        _ value: Double, gradients: [Double], targets: Int, in pass: ForwardPass
    ) -> Loss {
        var weights = [Float](repeating: 0, count: rows.targets.count)
        for row in 0..<rows.count {
            for place in rows.targetPlaces(of: row) {
                weights[place] = Float(gradients[row]) * (tokenWeights?[place] ?? 1)
            }
        }
        return loss(value, tokenGradients: weights, targets: targets, in: pass)
    }
}

extension LanguageModel {
    /// The summed log-probabilities of each row's answer, 0 for rows that only fill up. (R) Nothing is
    /// recorded.
    package func answerSums(_ rows: AnswerRows, in pass: ForwardPass) -> [Double] {
        AnswerScoring(self, rows, in: pass).sums(in: pass)
    }
}

/// What the reference gives answers: kept from before the first step.
package final class ReferenceScores {
    /// Summed log-probabilities by number of example; each of a pair's or an example's answers.
    package private(set) var sums: [[Double]]

    /// - Parameter count: examples of the run, learned and held out.
    package init(count: Int, answers: Int) {
        sums = Array(repeating: Array(repeating: .nan, count: answers), count: count)
    }

    package subscript(example: Int) -> [Double] {
        get { sums[example] }
        set { sums[example] = newValue }
    }
}
