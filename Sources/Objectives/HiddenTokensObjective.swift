package import Autograd
package import Models
package import TextData

/// An objective that hides tokens of running text and asks for them.
package protocol HiddenTokensObjective: Objective where Batch == TokenBatch {
    var model: any LanguageModel { get }
    /// Whether the likeliest tokens of held-out samples are compared with the targets.
    var computesAccuracy: Bool { get }
    /// The bytes of tokens, where bits for each byte of hidden text are to be known.
    var tokenBytes: TokenBytes? { get }
    /// What the model reads of a batch, and what it is to find, −100 in places without loss.
    func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32])
}

extension HiddenTokensObjective {
    package var isCrossEntropy: Bool { true }

    package var balancesExperts: Bool { true }

    package var tokenBytes: TokenBytes? { nil }

    package var evaluationFigureNames: [String] {
        (computesAccuracy ? [TokenAccuracy.name] : [])
            + (tokenBytes == nil ? [] : [TokenBytes.name])
    }

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
        var figures = FigureSums(evaluationFigureNames)
        tokenBytes?.add(loss, of: targets, to: &figures)
        guard computesAccuracy else { return ObjectiveLoss(loss, figures: figures) }
        // As the Hugging Face example has it: of all hidden tokens together.
        let likeliest = model.languageHead.likeliest(hidden, targets: targets, in: pass)
        let right = zip(likeliest, targets).count { $1 >= 0 && $0 == $1 }
        figures.add(TokenAccuracy.name, sum: Double(right), count: Double(loss.targets))
        return ObjectiveLoss(loss, figures: figures)
    }
}
