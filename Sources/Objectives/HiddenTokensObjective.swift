package import Autograd
package import Models
package import TextData

/// An objective that hides tokens of running text and asks for them.
package protocol HiddenTokensObjective: Objective where Batch == TokenBatch {
    var model: any LanguageModel { get }
    /// Whether the likeliest tokens of held-out samples are compared with the targets.
    var computesAccuracy: Bool { get }
    /// What the model reads of a batch, and what it is to find, −100 in places without loss.
    func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32])
}

extension HiddenTokensObjective {
    package var evaluationFigureNames: [String] { computesAccuracy ? [TokenAccuracy.name] : [] }

    package func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let (input, targets) = hiding(batch)
        return ObjectiveLoss(
            model.loss(of: model.hiddenStates(input, in: pass), targets: targets, in: pass))
    }

    package func evaluate(_ batch: TokenBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let (input, targets) = hiding(batch)
        let hidden = model.hiddenStates(input, in: pass)
        let loss = model.loss(of: hidden, targets: targets, in: pass)
        guard computesAccuracy else { return ObjectiveLoss(loss) }
        // As the Hugging Face example has it: of all hidden tokens together.
        let likeliest = model.languageHead.likeliest(hidden, targets: targets, in: pass)
        let right = zip(likeliest, targets).count { $1 >= 0 && $0 == $1 }
        var figures = FigureSums([TokenAccuracy.name])
        figures.add(TokenAccuracy.name, sum: Double(right), count: Double(loss.targets))
        return ObjectiveLoss(loss, figures: figures)
    }
}
