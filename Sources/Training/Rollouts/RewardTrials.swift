import Autograd
import Generation
import Kernels
import Models
import Objectives
import Rewards
import TextData

/// Held-out prompts, each continued once and rated: its loss is the reward's negative.
///
/// A prompt's draws are the same at every evaluation, on any number of ranks.
struct RewardTrials: Trials {
    let prompts: [RolloutPrompt]
    let rater: CompletionRater
    /// Decodes with the memory and the type of a pass.
    let decoder: (ForwardPass) -> CompletionDecoder
    let seed: UInt64
    let rank: Int
    let ranks: Int
    /// Prompts that are continued together.
    let rows: Int

    var count: Int { (prompts.count + ranks * rows - 1) / (ranks * rows) }
    var lossParts: [LossPart] { [] }
    var keepsRows: Bool { false }
    var measureNames: [String] { [] }
    var figureNames: [String] {
        ["reward"] + rater.names.map { "rewards/\($0)/mean" }
            + ["completions/mean_length", "completions/clipped_ratio"]
    }

    func measure(_ number: Int, in pass: ForwardPass) throws(CorpusError) -> Measures {
        Measures([])
    }

    func loss(
        of number: Int, given measures: Measures, in pass: ForwardPass
    ) throws(CorpusError) -> ObjectiveLoss {
        let first = (number * ranks + rank) * rows
        let own = prompts[min(first, prompts.count)..<min(first + rows, prompts.count)]
        let key = RandomStream.key(seed: seed, name: "held-out completions")
        let decoded = decoder(pass).completions(
            afterEach: own.map(\.ids), keys: own.map { [RandomStream.mixed(key, UInt64($0.row))] })
        let completions = zip(own, decoded).map { prompt, found in
            Completion(
                position: prompt.row, row: prompt.row, sample: 0, prompt: prompt.ids,
                ids: found[0].ids, hasEnded: found[0].hasEnded)
        }
        let table: RewardTable
        do throws(RewardError) {
            table = try rater.table(of: completions, prompts).table
        } catch {
            throw .rollout(error.description, isOfOneRank: true)
        }
        var figures = FigureSums(figureNames)
        let rewards = table.rewards.compactMap { $0 }
        for reward in rewards { figures.add("reward", sum: reward) }
        for row in table.rows {
            for (name, score) in zip(table.names, row.scores) {
                if let score { figures.add("rewards/\(name)/mean", sum: score) }
            }
            figures.add("completions/mean_length", sum: Double(row.tokens))
            figures.add("completions/clipped_ratio", sum: row.hasEnded ? 0 : 1)
        }
        return ObjectiveLoss(
            Loss(of: -rewards.reduce(0, +), targets: rewards.count), figures: figures)
    }
}
