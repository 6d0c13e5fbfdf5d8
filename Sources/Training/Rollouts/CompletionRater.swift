import Configuration
import Kernels
import ModelFiles
import Objectives
import Rewards
import TextData
import Tokenizers

/// Asks a run's rewards what completions are worth.
final class CompletionRater {
    /// What scores.
    private enum Source {
        case reward(any Reward)
        /// The run's reward model, once the run's own has its memory.
        case judge
    }

    let names: [String]
    private let weights: [Double]
    private let sources: [Source]
    private let tokenizer: any Tokenizer
    private var judge: RewardJudge?

    /// - Throws: ``TrainingError/user(_:)`` for a reward that does not exist.
    init(
        _ configuration: RunConfiguration, _ tokenizer: any Tokenizer
    ) throws(TrainingError) {
        let section = configuration.groupPolicy
        let setting = RewardCatalog.Setting(
            longest: configuration.generation.maxNewTokens, timeout: section.rewardTimeout)
        var sources: [Source] = []
        for text in section.rewards {
            do throws(RewardError) {
                sources.append(
                    text == RewardCatalog.model
                        ? .judge : .reward(try RewardCatalog.reward(text, setting)))
            } catch {
                throw .user(error.description)
            }
        }
        self.sources = sources
        names = GroupPolicySection.names(section.rewards)
        weights = section.rewardWeights
        self.tokenizer = tokenizer
    }

    /// Makes sure that the prompts have the answers that rewards compare with.
    func check(_ prompts: [RolloutPrompt], column: String?) throws(TrainingError) {
        let number = sources.firstIndex {
            if case .reward(let reward) = $0 { reward.needsAnswer } else { false }
        }
        guard let number, !prompts.isEmpty, !prompts.contains(where: { $0.answer != nil }) else {
            return
        }
        let place =
            column.map { "no row has a column '\($0)' (grpo_answer)" } ?? "no row has an answer"
        throw .user(
            "grpo_reward \(names[number]) compares with right answers, but \(place); name the column "
                + "that holds them in grpo_answer")
    }

    /// Opens the reward model, where one is asked.
    ///
    /// - Parameter setup: of the run, whose model has its memory and its first numbers.
    func begin(
        _ configuration: RunConfiguration, beside setup: ModelSetup, in workspace: Workspace
    ) throws(TrainingError) {
        let isAsked = sources.contains { if case .judge = $0 { true } else { false } }
        guard isAsked else { return }
        judge = try RewardJudge(
            configuration, beside: setup, tokenizer,
            batch: configuration.train.perDeviceTrainBatchSize, in: workspace)
    }

    /// The worth of completions, and their texts.
    ///
    /// - Parameter stepped: called now and then, to see that it goes on.
    func table(
        of completions: [Completion], _ prompts: [RolloutPrompt], stepped: () -> Void = {}
    ) throws(TrainingError) -> (table: RewardTable, items: [RewardItem]) {
        let items = completions.map { one in
            RewardItem(
                prompt: tokenizer.decode(one.prompt),
                completion: tokenizer.decode(one.ids, skipSpecialTokens: true),
                text: tokenizer.decode(one.answer.ids), answer: prompts[one.row].answer,
                row: one.row, place: prompts[one.row].place, tokens: one.ids.count)
        }
        var rows = completions.map {
            RewardTable.Row(scores: [], tokens: $0.ids.count, hasEnded: $0.hasEnded)
        }
        for source in sources {
            let scores = try scores(of: completions, items, by: source, stepped)
            for (number, score) in scores.enumerated() { rows[number].scores.append(score) }
        }
        return (RewardTable(names: names, weights: weights, rows: rows), items)
    }

    private func scores(
        of completions: [Completion], _ items: [RewardItem], by source: Source,
        _ stepped: () -> Void
    ) throws(TrainingError) -> [Double?] {
        switch source {
        case .judge:
            guard let judge else {
                preconditionFailure("completions to score before there is a judge")
            }
            return try judge.scores(of: completions.map(\.answer), stepped: stepped)
        case .reward(let reward):
            do throws(RewardError) {
                return try reward.scores(of: items)
            } catch {
                throw .user(error.description)
            }
        }
    }

    /// What held-out completions came to.
    func ratings(
        of completions: [Completion], _ prompts: [RolloutPrompt]
    ) throws(TrainingError) -> RolloutTrials.Ratings {
        let table = try table(of: completions, prompts).table
        var figures = FigureSums(heldOutFigures)
        let rewards = table.rewards.compactMap { $0 }
        for reward in rewards { figures.add(PolicyFigure.reward, sum: reward) }
        for row in table.rows {
            for (name, score) in zip(table.names, row.scores) {
                if let score { figures.add("rewards/\(name)/mean", sum: score) }
            }
            figures.add("completions/mean_length", sum: Double(row.tokens))
            figures.add("completions/clipped_ratio", sum: row.hasEnded ? 0 : 1)
        }
        return (rewards, figures)
    }

    /// Names of the figures of ``ratings(of:_:)``.
    var heldOutFigures: [String] {
        [PolicyFigure.reward] + names.map { "rewards/\($0)/mean" }
            + ["completions/mean_length", "completions/clipped_ratio"]
    }

    /// Ends programs.
    func stop() {
        for case .reward(let reward) in sources { reward.stop() }
    }
}
