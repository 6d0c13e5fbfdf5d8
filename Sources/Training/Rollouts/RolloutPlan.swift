import Kernels
import TextData

/// How completions are divided among ranks and steps.
struct RolloutPlan: Sendable {
    /// Completions of a prompt.
    let samples: Int
    /// Prompts of a rank in a rollout; all completions of a prompt are one rank's.
    let promptsPerRank: Int
    /// Steps that learn from a rollout.
    let stepsPerRollout: Int

    /// The order of the prompts, which counts on through the epochs.
    let order: SampleOrder
    /// What completions are drawn with.
    let seed: UInt64

    /// A rank's prompts of a rollout: their places in the order.
    func places(ofRollout number: Int, rank: Int, ranks: Int) -> Range<Int> {
        let first = (number * ranks + rank) * promptsPerRank
        return first..<first + promptsPerRank
    }

    /// What a completion is drawn with: a function of the run's seed, the prompt's place in the run's order
    /// and the completion's number, so that it does not depend on the rank.
    func key(place: Int, sample: Int) -> UInt64 {
        RandomStream.mixed(
            RandomStream.mixed(RandomStream.key(seed: seed, name: "completions"), UInt64(place)),
            UInt64(sample))
    }
}
