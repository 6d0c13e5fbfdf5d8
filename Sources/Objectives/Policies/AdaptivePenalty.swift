/// κ, what a token's distance from the reference costs, kept where the distance stays near a target:
/// κ ← κ (1 + clip(KL/target − 1, −0.2, 0.2) n / horizon) after each rollout of n answers.
///
/// Ziegler et al. 2019, arXiv:1909.08593, section 2.2; numbers of TRL 0.9.6.
package struct AdaptivePenalty: Sendable, Equatable {
    package private(set) var coefficient = 0.2
    private let target: Double
    private static let horizon = 10_000.0
    private static let mostError = 0.2

    /// - Parameters:
    ///   - target: the wanted distance of an answer, in natural-log units, above 0.
    ///   - coefficient: κ so far; the first one unless given.
    package init(target: Double, coefficient: Double? = nil) {
        self.target = target
        if let coefficient { self.coefficient = coefficient }
    }

    /// Takes note of a rollout.
    ///
    /// - Parameters:
    ///   - divergence: mean over its answers of Σ (log π_old − log π_ref).
    ///   - answers: of all ranks.
    package mutating func update(divergence: Double, answers: Int) {
        let error = min(max(divergence / target - 1, -Self.mostError), Self.mostError)
        coefficient *= 1 + error * Double(answers) / Self.horizon
    }
}
