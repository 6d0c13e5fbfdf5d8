package import Configuration
import Distributed
import ModelFiles
package import Models
package import Objectives
package import TextData

/// The objectives there are, each with what its batches are made of: one line each.
package struct ObjectiveCatalog: Sendable {
    private let entries: [Entry]

    package static let standard = ObjectiveCatalog([pretraining, supervised])

    package init(_ entries: [Entry]) { self.entries = entries }

    /// One stage of training.
    package struct Entry: Sendable {
        let stage: MethodSection.Stage
        package let objective:
            @Sendable (RunConfiguration, any LanguageModel) -> any Objective<TokenBatch>
        let data: @Sendable (StageContext) throws(TrainingError) -> StageData
    }

    /// The objective of a run.
    package func entry(of configuration: RunConfiguration) -> Entry {
        let stage = configuration.method.stage
        guard let entry = entries.first(where: { $0.stage == stage }) else {
            preconditionFailure("no objective for stage \(stage)")
        }
        return entry
    }

    private static let pretraining = Entry(
        stage: .pretraining,
        objective: {
            CausalPretraining(
                $1, lossForm: $0.loss.form, computesAccuracy: $0.evaluation.computeAccuracy)
        },
        data: StageData.shards)

    private static let supervised = Entry(
        stage: .supervised,
        objective: {
            SupervisedFinetuning(
                $1, lossForm: $0.loss.form, computesAccuracy: $0.evaluation.computeAccuracy)
        },
        data: StageData.instructions)
}

extension ObjectiveCatalog.Entry {
    /// An objective of text that `prepare` made into shards.
    package static func ofShards(
        _ objective: @escaping @Sendable (any LanguageModel) -> any Objective<TokenBatch>
    ) -> Self {
        Self(stage: .pretraining, objective: { objective($1) }, data: StageData.shards)
    }
}

/// What a stage needs to open its data.
package struct StageContext {
    let configuration: RunConfiguration
    let text: RunTokenizer
    let model: any LanguageModel
    let threads: Int
    let communicator: any Communicator
}

/// What a stage reads.
package struct StageData {
    let data: SessionData
    let tokenizerFiles: [String: String]
    /// What continues the held-out prompts, in a run that predicts.
    var predictor: PromptPredictor?

    /// The shards that `prepare` wrote. Collective.
    @Sendable static func shards(_ context: StageContext) throws(TrainingError) -> StageData {
        let data = try RankAgreement.onAllRanks(context.communicator) { () throws(TrainingError) in
            try TrainingSession.openShards(
                context.configuration, model: context.model, tokenizerFiles: context.text.files)
        }
        return StageData(data: data, tokenizerFiles: context.text.files)
    }

    /// Conversations, encoded. Collective.
    @Sendable static func instructions(
        _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let instructions = try InstructionData(
            context.configuration, context.text, model: context.model, threads: context.threads,
            over: context.communicator)
        var stage = StageData(data: instructions.data, tokenizerFiles: instructions.files)
        if !instructions.predictions.isEmpty {
            stage.predictor = try RankAgreement.onAllRanks(context.communicator) {
                () throws(TrainingError) in
                try PromptPredictor(context.configuration, instructions)
            }
        }
        return stage
    }
}
