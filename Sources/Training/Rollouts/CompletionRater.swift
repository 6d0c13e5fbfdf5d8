import Configuration
import Rewards
import TextData
import Tokenizers

/// Asks a run's rewards what completions are worth.
struct CompletionRater {
    let names: [String]
    private let weights: [Double]
    private let rewards: [any Reward]
    private let tokenizer: any Tokenizer

    /// - Throws: ``TrainingError/user(_:)`` for a reward that does not exist.
    init(
        _ configuration: RunConfiguration, _ tokenizer: any Tokenizer
    ) throws(TrainingError) {
        let section = configuration.groupPolicy
        let setting = RewardCatalog.Setting(
            longest: configuration.generation.maxNewTokens, timeout: section.rewardTimeout)
        var rewards: [any Reward] = []
        for text in section.rewards {
            do throws(RewardError) {
                rewards.append(try RewardCatalog.reward(text, setting))
            } catch {
                throw .user(error.description)
            }
        }
        self.rewards = rewards
        names = GroupPolicySection.names(section.rewards)
        weights = section.rewardWeights
        self.tokenizer = tokenizer
    }

    /// Makes sure that the prompts have the answers that rewards compare with.
    func check(_ prompts: [RolloutPrompt], column: String?) throws(TrainingError) {
        guard let number = rewards.firstIndex(where: \.needsAnswer), !prompts.isEmpty,
            !prompts.contains(where: { $0.answer != nil })
        else { return }
        let place =
            column.map { "no row has a column '\($0)' (grpo_answer)" } ?? "no row has an answer"
        throw .user(
            "grpo_reward \(names[number]) compares with right answers, but \(place); name the column "
                + "that holds them in grpo_answer")
    }

    /// The worth of completions, and their texts.
    func table(
        of completions: [Completion], _ prompts: [RolloutPrompt]
    ) throws(RewardError) -> (table: RewardTable, items: [RewardItem]) {
        let items = completions.map { one in
            RewardItem(
                prompt: tokenizer.decode(one.prompt),
                completion: tokenizer.decode(one.ids, skipSpecialTokens: true),
                answer: prompts[one.row].answer, row: one.row, place: prompts[one.row].place,
                tokens: one.ids.count)
        }
        var rows = completions.map {
            RewardTable.Row(scores: [], tokens: $0.ids.count, hasEnded: $0.hasEnded)
        }
        for reward in rewards {
            for (number, score) in try reward.scores(of: items).enumerated() {
                rows[number].scores.append(score)
            }
        }
        return (RewardTable(names: names, weights: weights, rows: rows), items)
    }

    /// Ends programs.
    func stop() {
        for reward in rewards { reward.stop() }
    }
}
