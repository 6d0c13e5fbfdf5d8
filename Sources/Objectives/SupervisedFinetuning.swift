package import Autograd
package import Models
package import TextData

/// The tokens of answers given their conversations: `stage: sft`.
package final class SupervisedFinetuning: NextTokenObjective {
    package let model: any LanguageModel
    package let lossForm: LossForm
    package let computesAccuracy: Bool

    package init(_ model: any LanguageModel, lossForm: LossForm, computesAccuracy: Bool) {
        self.model = model
        self.lossForm = lossForm
        self.computesAccuracy = computesAccuracy
    }

    /// The hidden states of the model without its adapters.
    package func reference(_ batch: TokenBatch, in pass: ForwardPass) -> Tensor? {
        guard lossForm.needsReference else { return nil }
        let bare = ForwardPass(
            workspace: pass.workspace, computeType: pass.computeType, appliesAdapters: false)
        return model.hiddenStates(
            batch.ids, batch: batch.rows, segments: batch.segments,
            textLengths: batch.textLengths, in: bare)
    }
}
