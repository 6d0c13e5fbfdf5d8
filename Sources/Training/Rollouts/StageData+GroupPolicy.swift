import Configuration
import Distributed
import Evaluation
import Generation
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
        let (section, generation) = (configuration.groupPolicy, configuration.generation)
        guard objective.temperature == 1 || context.model.languageHead.isLinear else {
            throw .user(
                "temperature \(generation.temperature): the head of a \(context.model.description.type) "
                    + "model has a bias or caps its logits, which are learned at temperature 1 only; "
                    + "set temperature: 1")
        }
        let read = try RolloutPrompts(
            context, answerColumn: section.answerColumn, completionLength: generation.maxNewTokens)
        let rater = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let rater = try CompletionRater(configuration, read.encoder.tokenizer)
            for prompts in [read.training] + read.heldOut.map(\.prompts) {
                try rater.check(prompts, column: section.answerColumn)
            }
            return rater
        }
        let reference = try configuration.method.doTrain ? ReferencePolicy.of(context) : nil
        let log =
            communicator.rank == 0 && section.loggedCompletions > 0
            ? configuration.output.outputDir.map(CompletionsFile.init) : nil
        let decoder = { (computeType, workspace) in
            CompletionDecoder(
                context.model, generation.sampling, ends: read.encoder.stopTokens,
                longest: generation.maxNewTokens,
                rowsAtOnce: configuration.compute.deterministic
                    ? CompletionDecoder.independentRows : nil,
                computeType: computeType, in: workspace)
        }
        var stage = StageData(
            data: read.data(uses: section.samples * section.iterations),
            tokenizerFiles: read.tokenizerFiles,
            steps: { start in
                guard !read.training.isEmpty else { return nil }
                let rollouts = GroupRollouts(
                    objective, read.training, rater, reference, start.partition, log: log, context)
                let plan = RolloutPlan(
                    samples: section.samples,
                    promptsPerRank: start.partition.samplesPerRank / section.samples,
                    stepsPerRollout: section.iterations, order: read.order,
                    seed: UInt64(configuration.train.seed))
                let writer = RolloutWriter(
                    prompts: read.training, plan: plan,
                    decoder: decoder(configuration.computeType, context.workspace),
                    rank: communicator.rank, ranks: communicator.size, stepped: start.stepped)
                return objective.steps(
                    from: RolloutSource(
                        writer, rollouts.uses, globalBatch: start.partition.globalBatch,
                        position: start.samples, memory: objective.memory, over: communicator))
            },
            trials: read.heldOut.map { part in
                NamedTrials(
                    name: part.name,
                    trials: RewardTrials(
                        prompts: part.prompts, rater: rater,
                        decoder: { decoder($0.computeType, $0.workspace) },
                        seed: UInt64(configuration.train.seed), rank: communicator.rank,
                        ranks: communicator.size,
                        rows: configuration.evaluation.perDeviceEvalBatchSize))
            })
        if let log { stage.observers = [log] }
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
