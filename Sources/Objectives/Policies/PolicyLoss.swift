import Foundation

/// How a policy learns from the advantages of its own completions: a token's loss as a function of its
/// log-probability, with its derivative. TRL's `loss_type` and the keys around it.
///
/// ρ = exp(π − π_old) of a token's log-probabilities π, or of their means over the completion in
/// ``Form/gspo``; A the completion's advantage; the clipped loss is
/// −min(ρA, clip(ρ, 1 − ε_low, 1 + ε_high) A), Schulman et al. 2017, arXiv:1707.06347, equation 7. β times
/// exp(d) − d − 1, d = π_ref − π, is added: Schulman's third estimate of the divergence, as Shao et al. 2024,
/// arXiv:2402.03300, equation 4, have it.
package struct PolicyLoss: Sendable, Equatable {
    /// How tokens become one loss.
    package enum Form: String, Sendable, CaseIterable {
        /// The mean over completions of their tokens' mean. Shao et al. 2024, arXiv:2402.03300, equation 3.
        case grpo
        /// The mean over a micro-batch's tokens, as TRL's of this name.
        case bnpo
        /// The sum over tokens by completions times their greatest length. Liu et al. 2025, arXiv:2503.20783.
        case drGRPO = "dr_grpo"
        /// The mean over a step's tokens. Yu et al. 2025, arXiv:2503.14476, equation 8.
        case dapo
        /// −min(ρ, ε_high) A π, the first factors without a gradient; the mean over a step's tokens.
        /// MiniMax 2025, arXiv:2506.13585, equation 4.
        case cispo
        /// Ratios of whole completions; means as in ``grpo``. Zheng et al. 2025, arXiv:2507.18071.
        case gspo
    }

    package var form = Form.dapo
    /// β (`grpo_beta`).
    package var beta = 0.0
    /// ε_low (`grpo_epsilon`).
    package var lowerClip = 0.2
    /// ε_high (`grpo_epsilon_high`).
    package var upperClip = 0.2

    package init() {}

    /// A completion: of each of its tokens the log-probability, that of the policy that wrote it and that of
    /// the reference.
    package struct Tokens: Sendable, Equatable {
        package var values: [Double]
        /// `nil`: the values, which then have ratio 1.
        package var old: [Double]?
        /// `nil` without a reference.
        package var reference: [Double]?

        package init(values: [Double], old: [Double]? = nil, reference: [Double]? = nil) {
            self.values = values
            self.old = old
            self.reference = reference
        }
    }

    /// What a completion comes to, a number for each token.
    package struct Outcome: Sendable, Equatable {
        package var losses: [Double] = []
        /// The derivatives of the losses' sum, where every token has the same weight.
        package var gradients: [Double] = []
        /// Estimates of the divergence; empty without a reference.
        package var divergences: [Double] = []
        /// How many tokens lie below the interval with A < 0, and above it with A > 0; in gspo, where they have one
        /// ratio, whether the completion does.
        package var below = 0
        package var above = 0
        /// Of how many tokens, or of one completion.
        package var ratios = 0
    }

    package func callAsFunction(_ tokens: Tokens, advantage: Double) -> Outcome {
        var outcome = Outcome()
        let count = tokens.values.count
        let logRatios = tokens.values.indices.map {
            tokens.values[$0] - (tokens.old?[$0] ?? tokens.values[$0])
        }
        let mean = count == 0 ? 0 : logRatios.reduce(0, +) / Double(count)
        for index in 0..<count {
            let ratio = exp(form == .gspo ? mean : logRatios[index])
            let (loss, gradient) = token(ratio, tokens.values[index], advantage)
            outcome.losses.append(loss)
            outcome.gradients.append(gradient)
            if ratio < 1 - lowerClip, advantage < 0, form != .cispo { outcome.below += 1 }
            let limit = form == .cispo ? upperClip : 1 + upperClip
            if ratio > limit, advantage > 0 { outcome.above += 1 }
            guard let reference = tokens.reference else { continue }
            let distance = reference[index] - tokens.values[index]
            let divergence = exp(distance) - distance - 1
            outcome.divergences.append(divergence)
            outcome.losses[index] += beta * divergence
            outcome.gradients[index] += beta * (1 - exp(distance))
        }
        outcome.ratios = count
        if form == .gspo {
            (outcome.below, outcome.above) = (min(outcome.below, 1), min(outcome.above, 1))
            outcome.ratios = min(count, 1)
        }
        return outcome
    }

    /// A token's loss and its derivative by the log-probability.
    private func token(
        _ ratio: Double, _ value: Double, _ advantage: Double
    ) -> (loss: Double, gradient: Double) {
        if form == .cispo {
            let weight = min(ratio, upperClip) * advantage
            return (-weight * value, -weight)
        }
        let clipped = min(max(ratio, 1 - lowerClip), 1 + upperClip)
        let isClipped = clipped * advantage < ratio * advantage
        return (-min(ratio * advantage, clipped * advantage), isClipped ? 0 : -ratio * advantage)
    }
}

extension PolicyLoss {
    /// What each token's loss of a completion is multiplied by before a step's sum is divided.
    ///
    /// - Parameters:
    ///   - tokens: of the completion.
    ///   - microBatchTokens: that count, of the micro-batch that it is in.
    ///   - longest: tokens of a completion at most.
    package func weight(tokens: Int, microBatchTokens: Int, longest: Int) -> Double {
        switch form {
        case .grpo, .gspo: 1 / Double(max(tokens, 1))
        case .bnpo: 1 / Double(max(microBatchTokens, 1))
        case .drGRPO: 1 / Double(longest)
        case .dapo, .cispo: 1
        }
    }

    /// The share of some completions in what a step's sum is divided by.
    ///
    /// - Parameters:
    ///   - rows: completions, those included whose tokens do not count.
    ///   - tokens: that count.
    ///   - microBatchRows: completions of the micro-batch that they are of.
    package func divisor(rows: Int, tokens: Int, microBatchRows: Int) -> Double {
        switch form {
        case .grpo, .gspo, .drGRPO: Double(rows)
        case .bnpo: Double(rows) / Double(microBatchRows)
        case .dapo, .cispo: Double(tokens)
        }
    }
}

/// How good completions are beside the others of their prompt.
package struct GroupAdvantage: Sendable, Equatable {
    /// What differences from the group's mean are divided by (`grpo_scale_rewards`).
    package enum Scale: String, Sendable, CaseIterable {
        /// The group's standard deviation. Shao et al. 2024, arXiv:2402.03300, section 4.1.2.
        case group
        /// That of all the rollout's rewards.
        case batch
        /// 1. Liu et al. 2025, arXiv:2503.20783.
        case none
    }

    /// Added to deviations, as in TRL.
    private static let least = 1e-4

    package let scale: Scale
    /// Completions of a prompt.
    package let samples: Int

    package init(_ scale: Scale, samples: Int) {
        self.scale = scale
        self.samples = samples
    }

    /// The advantage of each completion: (r − mean of its group) over the deviation. 0 where it has no reward.
    ///
    /// - Parameter rewards: groups one behind another; `nil` for none.
    package func callAsFunction(_ rewards: [Double?]) -> [Double] {
        let whole = Self.spread(rewards.compactMap { $0 }).deviation
        return groups(of: rewards).flatMap { group in
            let own = Self.spread(group.compactMap { $0 })
            let divisor =
                switch scale {
                case .group: own.deviation + Self.least
                case .batch: whole + Self.least
                case .none: 1.0
                }
            return group.map { $0.map { ($0 - own.mean) / divisor } ?? 0 }
        }
    }

    /// Numbers of each group one behind another.
    package func groups<Value>(of values: [Value]) -> [[Value]] {
        stride(from: 0, to: values.count, by: samples).map {
            Array(values[$0..<min($0 + samples, values.count)])
        }
    }

    /// Mean and unbiased standard deviation, 0 for fewer than two numbers.
    package static func spread(_ values: [Double]) -> (mean: Double, deviation: Double) {
        guard !values.isEmpty else { return (0, 0) }
        let mean = values.reduce(0, +) / Double(values.count)
        guard values.count > 1 else { return (mean, 0) }
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return (mean, (squares / Double(values.count - 1)).squareRoot())
    }
}
