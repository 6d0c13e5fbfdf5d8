import Configuration
import Kernels
import ModelFiles
import Models
import Tokenizers

/// The model that a policy is kept near: the one that the run begins with, its adapters included, or the one
/// of `ref_model`.
final class ReferenceModel {
    let model: any LanguageModel
    /// Keeps its memory.
    private let owner: AnyObject

    /// - Parameter setup: of the run, whose model has its memory and its first numbers.
    init(
        _ configuration: RunConfiguration, beside setup: ModelSetup, in workspace: Workspace
    ) throws(TrainingError) {
        let type = configuration.computeType
        guard let place = configuration.preference.refModel else {
            let twin = try ofModelFiles { () throws(ModelFileError) in
                try FrozenTwin(
                    referenceOf: setup, configuration, computeType: type, in: workspace)
            }
            model = twin.model
            owner = twin
            return
        }
        let other = try ofModelFiles { () throws(ModelFileError) in
            let other = try InferenceModel(
                path: place, adapters: configuration.preference.refModelAdapters,
                computeType: type, in: workspace)
            try other.requireDecoder()
            return other
        }
        let rows = setup.model.description.vocabularySize
        guard other.model.description.vocabularySize >= rows else {
            throw .user(
                "ref_model '\(place)' has a vocabulary of "
                    + "\(other.model.description.vocabularySize), but the model writes \(rows) ids; "
                    + "give a reference with the model's own tokenizer")
        }
        model = other.model
        owner = other
    }
}
