import ModelFiles
import Objectives
import TextData

extension StageData {
    /// Prompts, and what judges the answers that the model writes to them. Collective.
    static func policy(
        _ objective: ProximalPolicy, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let section = context.configuration.proximalPolicy
        let read = try RolloutStage(context, answerColumn: nil)
        let rollouts = PolicyRollouts(objective, context, read.prompts.writing.encoder.tokenizer)
        var stage = read.data(
            objective, samples: 1, passes: section.epochs,
            stepsPerRollout: section.stepsPerRollout,
            promptsPerRank: { _ in rollouts.promptsPerRank },
            uses: { start in
                rollouts.stepped = start.stepped
                return rollouts.uses
            },
            memory: { rollouts.restore(objective.memory) }, figures: [PolicyFigure.reward],
            rate: { (_, completions) throws(TrainingError) in
                try rollouts.ratings(of: completions)
            })
        stage.plot(PolicyFigure.reward, context)
        stage.begin = { (setup) throws(TrainingError) in try rollouts.begin(setup) }
        return stage
    }
}
