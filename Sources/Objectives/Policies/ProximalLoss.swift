import Foundation

/// What an answer costs a policy that shall grow better but stay near the one that wrote it, and its value
/// head: summed over the answer's tokens
///
///     max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε)) + c · ½ max((V − R)², (clip(V, V_old − ε_v, V_old + ε_v) − R)²)
///
/// with ρ = π/π_old. Schulman et al. 2017, arXiv:1707.06347, equations 7 and 9, without its entropy; the
/// clipped values and numbers are those of TRL 0.9.6.
package struct ProximalLoss: Sendable {
    /// ε and ε_v.
    package var policyRange = 0.2
    package var valueRange = 0.2
    /// c.
    package var valueWeight = 0.1
    /// An answer whose mean ρ is greater takes no part: the policy has gone too far from the one that
    /// wrote it. (TRL leaves out the whole micro-batch.)
    package var mostRatio = 10.0

    package init() {}

    /// What was known when an answer was written, one number a token. (T)
    package struct Experience: Sendable, Equatable {
        package var logProbabilities: [Double]
        package var values: [Double]
        package var advantages: [Double]
        package var returns: [Double]

        package init(
            logProbabilities: [Double], values: [Double], advantages: [Double], returns: [Double]
        ) {
            self.logProbabilities = logProbabilities
            self.values = values
            self.advantages = advantages
            self.returns = returns
        }
    }

    /// Sums over an answer's tokens.
    package struct Outcome: Sendable, Equatable {
        package var policyLoss = 0.0
        /// ½ of the squares, not weighted.
        package var valueLoss = 0.0
        /// By each token's log-probability. (T)
        package var policyGradients: [Double] = []
        /// By each token's value, weighted. (T)
        package var valueGradients: [Double] = []
        /// Tokens at which the clipped form counts.
        package var clippedPolicies = 0.0
        package var clippedValues = 0.0
        package var ratios = 0.0
        /// ½ (log ρ)² and −log ρ.
        package var squaredDistance = 0.0
        package var distance = 0.0
        package var values = 0.0
        /// (V − R)².
        package var valueErrors = 0.0
    }

    /// - Parameters:
    ///   - logProbabilities: of the answer's tokens now. (T)
    ///   - values: now. (T)
    package func callAsFunction(
        _ logProbabilities: [Double], _ values: [Double], of known: Experience
    ) -> Outcome {
        let count = known.advantages.count
        precondition(
            logProbabilities.count == count && values.count == count,
            "proximal loss: \(logProbabilities.count) log-probabilities and \(values.count) values "
                + "of \(count) tokens")
        var outcome = Outcome()
        for token in 0..<count {
            addPolicy(logProbabilities[token], known, token, to: &outcome)
            addValue(values[token], known, token, to: &outcome)
        }
        if outcome.ratios > mostRatio * Double(count) {
            (outcome.policyLoss, outcome.valueLoss) = (0, 0)
            outcome.policyGradients = Array(repeating: 0, count: count)
            outcome.valueGradients = Array(repeating: 0, count: count)
        }
        return outcome
    }

    private func addPolicy(
        _ logProbability: Double, _ known: Experience, _ token: Int, to outcome: inout Outcome
    ) {
        let advantage = known.advantages[token]
        let distance = logProbability - known.logProbabilities[token]
        let ratio = exp(distance)
        let clipped = min(max(ratio, 1 - policyRange), 1 + policyRange)
        let (free, bounded) = (-advantage * ratio, -advantage * clipped)
        outcome.policyLoss += max(free, bounded)
        // Where the bounded form is greater the ratio is outside its range, so that nothing moves it.
        outcome.policyGradients.append(bounded > free ? 0 : -advantage * ratio)
        outcome.clippedPolicies += bounded > free ? 1 : 0
        outcome.ratios += ratio
        outcome.squaredDistance += distance * distance / 2
        outcome.distance -= distance
    }

    private func addValue(
        _ value: Double, _ known: Experience, _ token: Int, to outcome: inout Outcome
    ) {
        let (old, goal) = (known.values[token], known.returns[token])
        let clipped = min(max(value, old - valueRange), old + valueRange)
        let error = (value - goal) * (value - goal)
        let bounded = (clipped - goal) * (clipped - goal)
        outcome.valueLoss += max(error, bounded) / 2
        outcome.valueGradients.append(bounded > error ? 0 : valueWeight * (value - goal))
        outcome.clippedValues += bounded > error ? 1 : 0
        outcome.values += value
        outcome.valueErrors += error
    }
}
