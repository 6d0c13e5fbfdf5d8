import Autograd
import Generation
import Kernels
import Models
import Objectives
import TextData

/// Held-out prompts, each continued once and rated: the loss is the reward's negative.
///
/// A prompt's draws are the same at every evaluation, on any number of ranks.
struct RolloutTrials: Trials {
    /// What completions came to: the rewards of those that have one, and figures.
    typealias Ratings = (rewards: [Double], figures: FigureSums)

    let prompts: [RolloutPrompt]
    let figureNames: [String]
    let rate: ([Completion]) throws(TrainingError) -> Ratings
    /// Decodes with the memory and the type of a pass.
    let decoder: (ForwardPass) -> CompletionDecoder
    let seed: UInt64
    let rank: Int
    let ranks: Int
    /// Prompts that are continued together.
    let rows: Int

    var count: Int { (prompts.count + ranks * rows - 1) / (ranks * rows) }
    var lossParts: [LossPart] { [] }
    var isCrossEntropy: Bool { false }
    var keepsRows: Bool { false }
    var measureNames: [String] { [] }

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
        let ratings: Ratings
        do throws(TrainingError) {
            ratings = try rate(completions)
        } catch {
            throw .rollout(error.description, isOfOneRank: true)
        }
        return ObjectiveLoss(
            Loss(of: -ratings.rewards.reduce(0, +), targets: ratings.rewards.count),
            figures: ratings.figures)
    }
}
