/// How much better each token of an answer turned out than its value said: A_t = δ_t + γλ A_{t+1} with
/// δ_t = r_t + γ V_{t+1} − V_t, and V behind the last token 0.
///
/// Schulman et al. 2016, arXiv:1506.02438, equation 16, as TRL 0.9.6 has it.
package struct AdvantageEstimation: Sendable {
    /// γ, what a later reward counts.
    package var discount = 1.0
    /// λ, what later differences count.
    package var decay = 0.95

    package init() {}

    /// The advantages of an answer's T tokens, and their returns A + V.
    ///
    /// - Parameters:
    ///   - rewards: (T)
    ///   - values: (T), expected when each token was drawn.
    package func callAsFunction(
        rewards: [Double], values: [Double]
    ) -> (advantages: [Double], returns: [Double]) {
        precondition(
            rewards.count == values.count,
            "advantages: \(rewards.count) rewards but \(values.count) values")
        var advantages = [Double](repeating: 0, count: rewards.count)
        var (next, nextValue) = (0.0, 0.0)
        for place in rewards.indices.reversed() {
            let difference = rewards[place] + discount * nextValue - values[place]
            next = difference + discount * decay * next
            advantages[place] = next
            nextValue = values[place]
        }
        return (advantages, zip(advantages, values).map { $0 + $1 })
    }
}
