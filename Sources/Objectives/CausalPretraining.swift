package import Autograd
package import Models

/// Each token of running text given those before it: `stage: pt`.
package final class CausalPretraining: NextTokenObjective {
    package let model: any LanguageModel
    package let lossForm: LossForm
    package let computesAccuracy: Bool
    /// Known once the tokenizer is.
    package var tokenBytes: TokenBytes?

    package init(
        _ model: any LanguageModel, lossForm: LossForm = LossForm(), computesAccuracy: Bool = false
    ) {
        self.model = model
        self.lossForm = lossForm
        self.computesAccuracy = computesAccuracy
    }
}
