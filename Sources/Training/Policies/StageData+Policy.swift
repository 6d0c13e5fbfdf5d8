import Autograd
import Configuration
import Distributed
import Evaluation
import Generation
import Kernels
import Models
import Objectives
import Reports
import TextData

extension StageData {
    /// Prompts, and what judges the answers that the model writes to them. Collective.
    static func policy(
        _ objective: ProximalPolicy, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let (section, generation) = (configuration.proximalPolicy, configuration.generation)
        let read = try RolloutPrompts(
            context, answerColumn: nil, completionLength: generation.maxNewTokens)
        let rollouts = PolicyRollouts(objective, context, read.encoder.tokenizer)
        let decoder = { (type: ElementType, workspace: Workspace) in
            CompletionDecoder(
                context.model, generation.sampling, ends: read.encoder.stopTokens,
                longest: generation.maxNewTokens, computeType: type, in: workspace)
        }
        var stage = StageData(
            data: read.data(uses: section.epochs), tokenizerFiles: read.tokenizerFiles,
            steps: { start in
                guard !read.training.isEmpty else { return nil }
                let plan = RolloutPlan(
                    samples: 1, promptsPerRank: rollouts.promptsPerRank,
                    stepsPerRollout: section.stepsPerRollout, order: read.order,
                    seed: UInt64(configuration.train.seed))
                let writer = RolloutWriter(
                    prompts: read.training, plan: plan,
                    decoder: decoder(configuration.computeType, context.workspace),
                    rank: communicator.rank, ranks: communicator.size, stepped: start.stepped)
                rollouts.stepped = start.stepped
                return objective.steps(
                    from: RolloutSource(
                        writer, rollouts.uses, globalBatch: start.partition.globalBatch,
                        position: start.samples, memory: rollouts.restore(objective.memory),
                        over: communicator))
            },
            trials: read.heldOut.map { part in
                NamedTrials(
                    name: part.name,
                    trials: AnswerTrials(
                        prompts: part.prompts, rollouts: rollouts,
                        decoder: { decoder($0.computeType, $0.workspace) },
                        seed: UInt64(configuration.train.seed), rank: communicator.rank,
                        ranks: communicator.size,
                        rows: configuration.evaluation.perDeviceEvalBatchSize))
            })
        if communicator.rank == 0, configuration.method.doTrain,
            let folder = configuration.output.outputDir
        {
            stage.observers = [
                FigurePlot(
                    PolicyFigure.reward, folder: folder,
                    title: configuration.output.runName ?? context.model.description.type,
                    writesPNG: configuration.output.plotLoss)
            ]
        }
        stage.begin = { (setup) throws(TrainingError) in try rollouts.begin(setup) }
        return stage
    }
}
