package import Autograd
package import Models
package import TextData

/// Log-probabilities of answers to prompts under a model, and how a function of them is learned.
///
/// A function of an answer's summed log-probability needs that sum before it has a gradient. The model's
/// states are computed once; its logits twice, for the sums and then for the gradient, so that no logits
/// are kept.
struct AnswerScoring {
    let model: any LanguageModel
    let rows: AnswerRows
    /// (R·T): what a token's log-probability counts in its answer's sum; `nil` for 1.
    var tokenWeights: [Float]?
    private let hidden: Tensor

    init(_ model: any LanguageModel, _ rows: AnswerRows, in pass: ForwardPass) {
        self.model = model
        self.rows = rows
        // What follows a text is not seen by a decoder in any case.
        hidden = model.hiddenStates(rows.ids, batch: rows.count, segments: nil, in: pass)
    }

    /// The summed log-probabilities of each row's answer, 0 for rows that only fill up. (R)
    func sums(in pass: ForwardPass) -> [Double] {
        // Nothing is learned of these logits.
        let bare = ForwardPass(
            workspace: pass.workspace, computeType: pass.computeType,
            appliesAdapters: pass.appliesAdapters)
        let found = model.languageHead.logProbabilities(hidden, targets: rows.targets, in: bare)
        return (0..<rows.count).map { row in
            rows.targetPlaces(of: row).reduce(0) { sum, place in
                sum + Double(found[place]) * Double(tokenWeights?[place] ?? 1)
            }
        }
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
                // A cross-entropy is a negative log-probability.
                weights[place] = Float(-gradients[row]) * (tokenWeights?[place] ?? 1)
            }
        }
        return model.languageHead.loss(
            hidden, targets: rows.targets, rowWeights: weights, in: pass
        ).standing(for: value, targets: targets)
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
