import Autograd
import Configuration
import Kernels
import ModelFiles
import Models
import Objectives
import TextData

/// The model that a policy is kept close to: the weights that the run began with, or another one.
enum ReferencePolicy {
    /// The run's own weights without what it has added to them.
    case withoutAdapters
    /// A frozen model of its own.
    case model(InferenceModel)

    /// `nil` where nothing is compared. Collective.
    static func of(_ context: StageContext) throws(TrainingError) -> ReferencePolicy? {
        let configuration = context.configuration
        guard configuration.groupPolicy.beta > 0 else { return nil }
        let (other, adapter) = (configuration.preference.refModel, configuration.adapter)
        let isNew = adapter.adapterNameOrPath.isEmpty || adapter.createNewAdapter
        let canBeSwitchedOff = [.lora, .oft, .ia3].contains(configuration.method.finetuningType)
        if other == nil, canBeSwitchedOff, isNew, !adapter.pissaInit,
            adapter.additionalTarget.isEmpty
        {
            // An earlier adapter is merged into the weights then.
            return .withoutAdapters
        }
        guard other != nil || !configuration.model.trainFromScratch else {
            throw .user(
                "grpo_beta compares with the weights that the run begins with, which "
                    + "train_from_scratch draws; name another reference in ref_model, or leave it out"
            )
        }
        return try RankAgreement.onAllRanks(context.communicator) { () throws(TrainingError) in
            let model = try ofModelFiles { () throws(ModelFileError) in
                let model = try InferenceModel(
                    path: other ?? configuration.model.modelNameOrPath ?? "",
                    adapters: other == nil
                        ? adapter.adapterNameOrPath : configuration.preference.refModelAdapters,
                    computeType: configuration.computeType, in: context.workspace)
                try model.requireDecoder()
                return model
            }
            let (own, size) = (
                context.model.description.vocabularySize,
                model.model.description.vocabularySize
            )
            guard size >= own else {
                throw .user(
                    "the reference has a vocabulary of \(size) tokens, but the model one of \(own); give "
                        + "a reference with the model's own tokenizer in ref_model")
            }
            return .model(model)
        }
    }

    /// The log-probabilities of each completion's tokens.
    ///
    /// - Parameter policy: the run's model.
    func logProbabilities(
        _ rows: AnswerRows, temperature: Float, policy: any LanguageModel, _ type: ElementType,
        in workspace: Workspace
    ) -> [[Float]] {
        switch self {
        case .withoutAdapters:
            policy.tokenLogProbabilities(
                rows, temperature: temperature,
                in: ForwardPass(workspace: workspace, computeType: type, appliesAdapters: false))
        case .model(let reference):
            reference.model.tokenLogProbabilities(
                rows, temperature: temperature, in: reference.pass)
        }
    }
}
