/// What is learned from a rollout: of each answer's score and log-probabilities its rewards, advantages and
/// returns, and what is remembered for the next rollout. All of it is of all ranks' answers at once, in their
/// order, so that it is the same numbers on any number of ranks.
///
/// A token's reward is −κ (log π_old − log π_ref), and the score besides at the answer's last token.
/// Advantages are whitened over all tokens. Source: TRL 0.9.6, `PPOTrainer.step`.
package struct RolloutAdvantages: Sendable {
    package var estimation = AdvantageEstimation()
    /// Whether scores are scaled by those so far.
    package var normalizesScores = false
    /// Whether rewards are scaled to variance 1. (TRL lets what lies behind shorter answers take part in
    /// the sums; here answers alone do.)
    package var whitensRewards = false
    private var penalty: AdaptivePenalty
    private var scores = RunningMoments()
    private let target: Double

    /// An answer's numbers before and after. Arrays have a number for each of its T tokens.
    package struct Answer: Sendable {
        package var score: Double
        package var promptLength: Int
        package var logProbabilities: [Double]
        package var reference: [Double]
        package var values: [Double]

        package init(
            score: Double, promptLength: Int, logProbabilities: [Double], reference: [Double],
            values: [Double]
        ) {
            self.score = score
            self.promptLength = promptLength
            self.logProbabilities = logProbabilities
            self.reference = reference
            self.values = values
        }
    }

    /// - Parameter target: the distance from the reference that is kept to, of an answer.
    package init(target: Double) {
        self.target = target
        penalty = AdaptivePenalty(target: target)
    }

    /// What a checkpoint keeps.
    package var memory: [Double] {
        get { [penalty.coefficient] + scores.numbers }
        set {
            precondition(newValue.count == Self.memorySize, "advantages: \(newValue.count) numbers")
            penalty = AdaptivePenalty(target: target, coefficient: newValue[0])
            scores.numbers = Array(newValue.dropFirst())
        }
    }
    package static let memorySize = 5

    /// Numbers to learn from of each answer, and the rollout's figures.
    package mutating func callAsFunction(
        _ answers: [Answer]
    ) -> (experiences: [ProximalLoss.Experience], figures: [(name: String, value: Double)]) {
        let coefficient = penalty.coefficient
        if normalizesScores { scores.update(answers.map(\.score)) }
        var rewards = answers.map { answer in
            var rewards = zip(answer.logProbabilities, answer.reference).map {
                -coefficient * ($0 - $1)
            }
            let score = normalizesScores ? scores.normalized(answer.score) : answer.score
            if !rewards.isEmpty { rewards[rewards.count - 1] += score }
            return rewards
        }
        if whitensRewards { rewards = Whitening(keepsMean: true)(rewards) }
        let estimates = zip(rewards, answers).map { estimation(rewards: $0, values: $1.values) }
        let advantages = Whitening()(estimates.map(\.advantages))
        let experiences = answers.indices.map { number in
            ProximalLoss.Experience(
                logProbabilities: answers[number].logProbabilities,
                values: answers[number].values, advantages: advantages[number],
                returns: estimates[number].returns)
        }
        let divergences = answers.map { answer in
            zip(answer.logProbabilities, answer.reference).reduce(0) { $0 + ($1.0 - $1.1) }
        }
        let figures = figures(
            answers, divergences, returns: estimates.map(\.returns), coefficient: coefficient)
        penalty.update(divergence: Self.mean(divergences), answers: answers.count)
        return (experiences, figures)
    }

    private func figures(
        _ answers: [Answer], _ divergences: [Double], returns: [[Double]], coefficient: Double
    ) -> [(name: String, value: Double)] {
        let tokens = Double(max(1, answers.reduce(0) { $0 + $1.values.count }))
        let scored = answers.map { normalizesScores ? scores.normalized($0.score) : $0.score }
        let moments = Whitening.moments(of: [scored])
        let (values, ends) = (
            Whitening.moments(of: answers.map(\.values)), Whitening.moments(of: returns)
        )
        let numbers = [
            Self.mean(answers.map(\.score)), Self.mean(divergences), coefficient,
            Self.mean(answers.map { -$0.logProbabilities.reduce(0, +) }),
            -coefficient * divergences.reduce(0, +) / tokens, moments.mean,
            moments.variance.squareRoot(), Self.mean(answers.map { Double($0.promptLength) }),
            Self.mean(answers.map { Double($0.values.count) }), ends.mean, ends.variance,
            values.mean, values.variance,
        ]
        return Array(zip(PolicyFigure.ofRollout, numbers)).map { (name: $0, value: $1) }
    }

    private static func mean(_ numbers: [Double]) -> Double {
        numbers.reduce(0, +) / Double(max(1, numbers.count))
    }
}
