import Autograd
import Configuration
import Foundation
import Kernels
import Models
import Training

extension PlanTrial {
    /// Tokens after the prompts that are timed; the others take as long.
    private static let timedTokens = 8

    /// Writes the first tokens of a rank's completions after a prompt of random tokens each.
    ///
    /// - Returns: `nil` where nothing is written.
    func measureRollout() -> PlanConstants.Rollout? {
        guard let share = share else { return nil }
        let longest = configuration.data.cutoffLen
        let tokens = configuration.generation.maxNewTokens
        let cache = KeyValueCache(capacity: longest + tokens, sequences: share.completions)
        let pass = ForwardPass(workspace: workspace, computeType: store.computeType, cache: cache)
        let vocabulary = Int32(setup.model.description.vocabularySize)
        let prompt = (0..<longest).map { Int32($0) * 7919 % vocabulary }
        // A prompt is computed once, for all of its completions.
        cache.active = [0]
        let begun = ContinuousClock.now
        _ = setup.model.nextLogits(prompt, in: pass)
        let ofPrompt = (ContinuousClock.now - begun) / .seconds(1)
        cache.reorder(Array(repeating: 0, count: share.completions), in: workspace)
        cache.active = Array(0..<share.completions)
        let next = [Int32](repeating: 1, count: share.completions)
        let timed = min(Self.timedTokens, tokens)
        var ofToken = Double.infinity
        for _ in 0..<timed {
            let start = ContinuousClock.now
            _ = setup.model.nextLogits(next, batch: share.completions, in: pass)
            ofToken = min(ofToken, (ContinuousClock.now - start) / .seconds(1))
        }
        return PlanConstants.Rollout(
            completions: share.completions,
            microBatches: configuration.train.gradientAccumulationSteps, tokens: tokens,
            steps: share.steps,
            seconds: Double(share.prompts) * ofPrompt + Double(tokens) * ofToken,
            bytes: cache.bytesOfToken * share.completions * (longest + tokens))
    }

    /// What a rank writes in a rollout, and the steps that learn from it.
    private var share: (completions: Int, prompts: Int, steps: Int)? {
        let train = configuration.train
        let ofStep = train.perDeviceTrainBatchSize * train.gradientAccumulationSteps
        switch configuration.method.stage {
        case .groupPolicy:
            let section = configuration.groupPolicy
            return (ofStep, ofStep / section.samples, section.iterations)
        case .policy:
            let section = configuration.proximalPolicy
            let completions = ofStep * section.bufferSize
            return (completions, completions, section.stepsPerRollout)
        default: return nil
        }
    }
}
