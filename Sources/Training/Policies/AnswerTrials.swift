import Autograd
import Generation
import Kernels
import Models
import Objectives
import TextData

/// Held-out prompts, each answered once and scored by the judge: the loss is the score's negative.
///
/// A prompt's draws are the same at every evaluation, on any number of ranks.
struct AnswerTrials: Trials {
    let prompts: [RolloutPrompt]
    let rollouts: PolicyRollouts
    /// Decodes with the memory and the type of a pass.
    let decoder: (ForwardPass) -> CompletionDecoder
    let seed: UInt64
    let rank: Int
    let ranks: Int
    /// Prompts that are answered together.
    let rows: Int

    var count: Int { (prompts.count + ranks * rows - 1) / (ranks * rows) }
    var lossParts: [LossPart] { [] }
    var keepsRows: Bool { false }
    var measureNames: [String] { [] }
    var figureNames: [String] { [PolicyFigure.reward] }

    func measure(_ number: Int, in pass: ForwardPass) throws(CorpusError) -> Measures {
        Measures([])
    }

    func loss(
        of number: Int, given measures: Measures, in pass: ForwardPass
    ) throws(CorpusError) -> ObjectiveLoss {
        let first = (number * ranks + rank) * rows
        let own = prompts[min(first, prompts.count)..<min(first + rows, prompts.count)]
        let key = RandomStream.key(seed: seed, name: "held-out answers")
        let decoded = decoder(pass).completions(
            afterEach: own.map(\.ids), keys: own.map { [RandomStream.mixed(key, UInt64($0.row))] })
        let answers = zip(own, decoded).map { prompt, found in
            PromptedAnswer(prompt: prompt.ids, answer: found[0].ids)
        }
        let scores: [Double]
        do throws(TrainingError) {
            scores = try rollouts.scores(of: answers)
        } catch {
            throw .rollout(error.description, isOfOneRank: true)
        }
        var figures = FigureSums(figureNames)
        for score in scores { figures.add(PolicyFigure.reward, sum: score) }
        return ObjectiveLoss(
            Loss(of: -scores.reduce(0, +), targets: scores.count), figures: figures)
    }
}
