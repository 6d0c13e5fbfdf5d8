import Autograd
import Configuration
import Kernels
import ModelFiles
import Models
import Tokenizers

/// The model that a policy is kept near: the one that the run begins with, its adapters included, or the one
/// of `ref_model`.
final class ReferenceModel {
    let model: any LanguageModel
    /// Without record.
    let pass: ForwardPass
    /// Keeps its memory.
    private let owner: AnyObject

    /// - Parameter setup: of the run, whose model has its memory and its first numbers.
    /// - Throws: ``TrainingError/user(_:)`` where there is none, or one that does not know all of the
    ///   model's tokens.
    init(
        _ configuration: RunConfiguration, beside setup: ModelSetup, in workspace: Workspace
    ) throws(TrainingError) {
        let type = configuration.computeType
        guard let place = configuration.preference.refModel else {
            guard !configuration.model.trainFromScratch else {
                throw .user(
                    "the reference is the model that the run begins with, which train_from_scratch "
                        + "draws; name another one in ref_model, or leave train_from_scratch out")
            }
            if Self.isModelWithoutAdapters(configuration) {
                (model, owner) = (setup.model, setup.model)
                pass = ForwardPass(
                    workspace: workspace, computeType: type, appliesAdapters: false)
                return
            }
            let twin = try ofModelFiles { () throws(ModelFileError) in
                try FrozenTwin(
                    referenceOf: setup, configuration, computeType: type, in: workspace)
            }
            (model, pass, owner) = (twin.model, twin.pass, twin)
            return
        }
        let other = try ofModelFiles { () throws(ModelFileError) in
            try configuration.reference(at: place).decoder(in: workspace)
        }
        let rows = setup.model.description.vocabularySize
        guard other.model.description.vocabularySize >= rows else {
            throw .user(
                "ref_model '\(place)' has a vocabulary of "
                    + "\(other.model.description.vocabularySize), but the model writes \(rows) ids; "
                    + "give a reference with the model's own tokenizer")
        }
        (model, pass, owner) = (other.model, other.pass, other)
    }

    /// Whether the model begins as its own base: with new adapters that change nothing yet. An earlier adapter
    /// of a run with a new one is merged into the weights.
    private static func isModelWithoutAdapters(_ configuration: RunConfiguration) -> Bool {
        let adapter = configuration.adapter
        let isNew = adapter.adapterNameOrPath.isEmpty || adapter.createNewAdapter
        let canBeSwitchedOff = [.lora, .oft, .ia3].contains(configuration.method.finetuningType)
        return canBeSwitchedOff && isNew && !adapter.pissaInit && adapter.additionalTarget.isEmpty
    }
}

extension RunConfiguration {
    /// The reference that `ref_model` names.
    func reference(at place: String) -> SecondModel {
        SecondModel(
            place, adapters: preference.refModelAdapters, of: self, computeType: computeType)
    }
}
