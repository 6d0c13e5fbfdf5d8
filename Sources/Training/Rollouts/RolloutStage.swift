import Autograd
import Configuration
import Distributed
import Evaluation
import Generation
import Kernels
import Objectives
import TextData

/// What stages share that learn from what their model writes: prompts, what writes completions of them, and
/// trials on those that are held out.
struct RolloutStage {
    let context: StageContext
    let prompts: RolloutPrompts

    /// Reads the prompts. Collective.
    ///
    /// - Parameter answerColumn: as of ``RolloutPrompts``.
    init(_ context: StageContext, answerColumn: String?) throws(TrainingError) {
        self.context = context
        prompts = try RolloutPrompts(
            context, answerColumn: answerColumn,
            completionLength: context.configuration.generation.maxNewTokens)
    }

    private var configuration: RunConfiguration { context.configuration }
    private var seed: UInt64 { UInt64(configuration.train.seed) }

    private func decoder(_ type: ElementType, _ workspace: Workspace) -> CompletionDecoder {
        CompletionDecoder(
            context.model, configuration.generation.sampling,
            ends: prompts.writing.encoder.stopTokens,
            longest: configuration.generation.maxNewTokens,
            rowsAtOnce: configuration.compute.deterministic
                ? CompletionDecoder.independentRows : nil,
            computeType: type, in: workspace)
    }

    /// The stage's data, without an observer.
    ///
    /// - Parameters:
    ///   - samples: completions of a prompt.
    ///   - passes: steps that learn from each completion.
    ///   - stepsPerRollout: steps that learn from a rollout.
    ///   - promptsPerRank: of a rollout.
    ///   - uses: what becomes of completions, in a run of these steps.
    ///   - memory: what the objective keeps of a rollout, for a run that goes on.
    ///   - figures: names of those that `rate` gives.
    ///   - rate: rates held-out completions.
    func data<O: Objective>(
        _ objective: O, samples: Int, passes: Int, stepsPerRollout: Int,
        promptsPerRank: @escaping (BatchPartition) -> Int,
        uses: @escaping (StepStart) -> RolloutSource<O.Batch>.Uses,
        memory: @escaping () -> [Double], figures: [String],
        rate:
            @escaping (_ part: [RolloutPrompt], [Completion]) throws(TrainingError) ->
            RolloutTrials.Ratings
    ) -> StageData where O.Batch: Sendable {
        let communicator = context.communicator
        return StageData(
            data: prompts.data(uses: samples * passes),
            tokenizerFiles: prompts.writing.tokenizerFiles,
            steps: { start in
                guard !prompts.training.isEmpty else { return nil }
                let plan = RolloutPlan(
                    samples: samples, promptsPerRank: promptsPerRank(start.partition),
                    stepsPerRollout: stepsPerRollout, order: prompts.order, seed: seed)
                let writer = RolloutWriter(
                    prompts: prompts.training, plan: plan,
                    decoder: decoder(configuration.computeType, context.workspace),
                    rank: communicator.rank, ranks: communicator.size, stepped: start.stepped)
                return objective.steps(
                    from: RolloutSource(
                        writer, uses(start), globalBatch: start.partition.globalBatch,
                        position: start.samples, memory: memory(), over: communicator))
            },
            trials: prompts.heldOut.map { part in
                NamedTrials(
                    name: part.name,
                    trials: RolloutTrials(
                        prompts: part.prompts, figureNames: figures,
                        rate: { (completions) throws(TrainingError) in
                            try rate(part.prompts, completions)
                        },
                        decoder: { decoder($0.computeType, $0.workspace) }, seed: seed,
                        rank: communicator.rank, ranks: communicator.size,
                        rows: configuration.evaluation.perDeviceEvalBatchSize))
            })
    }
}
