import Configuration
import Distributed
import ModelFiles
import Models
import Objectives
import Reports
import TextData

extension StageData {
    /// Prompts, and what rewards the completions that the model writes of them. Collective.
    static func groupPolicy(
        _ objective: GroupPolicy, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let section = configuration.groupPolicy
        guard objective.temperature == 1 || context.model.languageHead.isLinear else {
            throw .user(
                "temperature \(configuration.generation.temperature): the head of a "
                    + "\(context.model.description.type) model has a bias or caps its logits, which "
                    + "are learned at temperature 1 only; set temperature: 1")
        }
        let read = try RolloutStage(context, answerColumn: section.answerColumn)
        let rater = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let rater = try CompletionRater(configuration, read.prompts.writing.encoder.tokenizer)
            for prompts in [read.prompts.training] + read.prompts.heldOut.map(\.prompts) {
                try rater.check(prompts, column: section.answerColumn)
            }
            return rater
        }
        let log =
            communicator.rank == 0 && section.loggedCompletions > 0
            ? configuration.output.outputDir.map(CompletionsFile.init) : nil
        let rollouts = GroupRollouts(objective, read.prompts.training, rater, log: log, context)
        var stage = read.data(
            objective, samples: section.samples, passes: section.iterations,
            stepsPerRollout: section.iterations,
            promptsPerRank: { $0.samplesPerRank / section.samples },
            uses: { start in
                rollouts.stepped = start.stepped
                return rollouts.uses
            },
            memory: { objective.memory }, figures: rater.heldOutFigures,
            rate: { (prompts, completions) throws(TrainingError) in
                try rater.ratings(of: completions, prompts)
            })
        stage.observers = log.map { [$0] } ?? []
        stage.plot(PolicyFigure.reward, context)
        stage.begin = { (setup) throws(TrainingError) in try rollouts.begin(setup) }
        return stage
    }
}

extension GroupPolicy {
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let section = configuration.groupPolicy
        var loss = PolicyLoss()
        loss.form =
            switch section.loss {
            case .grpo: .grpo
            case .bnpo: .bnpo
            case .drGRPO: .drGRPO
            case .dapo: .dapo
            case .cispo: .cispo
            case .gspo: .gspo
            }
        loss.beta = section.beta
        loss.lowerClip = section.lowerClip
        loss.upperClip = section.upperClip
        self.init(
            model, loss, temperature: configuration.generation.temperature,
            longest: configuration.generation.maxNewTokens, hasOld: section.iterations > 1,
            figures: RewardTable.figureNames(GroupPolicySection.names(section.rewards)))
    }
}
