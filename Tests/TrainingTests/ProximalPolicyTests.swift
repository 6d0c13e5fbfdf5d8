import Foundation
import Objectives
import TestSupport
import Testing

/// Rewards, advantages and losses of PPO as numbers, beside TRL 0.9.6 (scripts/references/proximal_policies.py).
@Suite struct ProximalPolicyTests {
    private typealias Rollout = [String: Any]

    private func rows(_ rollout: Rollout, _ name: String) throws -> [[Double]] {
        try #require(rollout[name] as? [[Double]])
    }

    /// Advantages and returns below 8 are kept as float32, which rounds them by up to 2.4e-7; the figures are
    /// of float64. TRL keeps running means in float32.
    @Test(arguments: [("plain", 2.5e-7), ("whitened", 2.5e-7), ("normalized", 2e-5)])
    func advantagesAndFiguresAreThoseOfTRL(_ name: String, _ tolerance: Double) throws {
        let cases = try References.object("proximal_policies/cases.json")
        let rollouts = try #require(cases[name] as? [Rollout])
        try #require(rollouts.count >= 6)
        var advantages = RolloutAdvantages(target: 6)
        advantages.normalizesScores = name == "normalized"
        advantages.whitensRewards = name == "whitened"
        for rollout in rollouts {
            let scores = try #require(rollout["scores"] as? [Double])
            let (old, known) = try (rows(rollout, "log_probabilities"), rows(rollout, "reference"))
            let values = try rows(rollout, "values")
            // What a checkpoint keeps is all that there is to know.
            var resumed = RolloutAdvantages(target: 6)
            resumed.normalizesScores = advantages.normalizesScores
            resumed.whitensRewards = advantages.whitensRewards
            resumed.memory = advantages.memory
            advantages = resumed
            let found = advantages(
                scores.indices.map {
                    RolloutAdvantages.Answer(
                        score: scores[$0], promptLength: 3, logProbabilities: old[$0],
                        reference: known[$0], values: values[$0])
                })
            for (answer, wanted) in zip(found.experiences, try rows(rollout, "advantages")) {
                #expect(largestDistance(answer.advantages, wanted) < tolerance)
            }
            for (answer, wanted) in zip(found.experiences, try rows(rollout, "returns")) {
                #expect(largestDistance(answer.returns, wanted) < tolerance * 10)
            }
            for (name, wanted) in try #require(rollout["figures"] as? [String: Double]) {
                let figure = try #require(found.figures.first { $0.name == name })
                #expect(abs(figure.value - wanted) < tolerance * 10, "\(name)")
            }
        }
    }

    @Test func theLossOfAHundredAnswersIsThatOfTRL() throws {
        let cases = try References.object("proximal_policies/cases.json")
        let answers = try #require(cases["losses"] as? [[String: Any]])
        try #require(answers.count == 100)
        let loss = ProximalLoss()
        var skipped = 0
        for answer in answers {
            func numbers(_ name: String) throws -> [Double] {
                try #require(answer[name] as? [Double])
            }
            let found = loss(
                try numbers("log_probabilities"), try numbers("predictions"),
                of: ProximalLoss.Experience(
                    logProbabilities: try numbers("old"), values: try numbers("values"),
                    advantages: try numbers("advantages"), returns: try numbers("returns")))
            // Both in float64.
            #expect(
                largestDistance(found.policyGradients, try numbers("policy_gradients")) < 1e-9)
            #expect(largestDistance(found.valueGradients, try numbers("value_gradients")) < 1e-9)
            let figures = try #require(answer["figures"] as? [String: Double])
            // TRL counts clipped tokens in float32.
            for (name, value) in [
                ("ppo/loss/policy", found.policyLoss), ("ppo/loss/value", found.valueLoss),
                ("ppo/policy/approxkl", found.squaredDistance),
                ("ppo/policy/policykl", found.distance), ("ppo/val/vpred", found.values),
                ("ppo/policy/clipfrac", found.clippedPolicies),
                ("ppo/val/error", found.valueErrors), ("ppo/val/clipfrac", found.clippedValues),
            ] {
                let wanted = try #require(figures[name])
                #expect(abs(value - wanted) < 1e-5 * max(1, abs(wanted)), "\(name)")
            }
            skipped += found.policyLoss == 0 && found.valueLoss == 0 ? 1 : 0
        }
        #expect(skipped == 10)
    }

    /// The numbers of shared/reference, by hand: δ is −.02 + .2 − .1 and so on.
    @Test func threeTokensByHand() {
        let found = AdvantageEstimation()(rewards: [-0.02, 0.01, 0.97], values: [0.1, 0.2, 0.3])
        #expect(largestDistance(found.advantages, [0.789175, 0.7465, 0.67]) < 1e-12)
        #expect(largestDistance(found.returns, [0.889175, 0.9465, 0.97]) < 1e-12)
        let white = Whitening()([
            Array(found.advantages.prefix(1)), Array(found.advantages.dropFirst()),
        ])
        #expect(largestDistance(white.flatMap { $0 }, [0.893473, 0.186727, -1.080200]) < 1e-6)
        let kept = Whitening(keepsMean: true)([[1, 2], [6]])
        // Mean 3, variance 7.
        #expect(
            largestDistance(kept.flatMap { $0 }, [1, 2, 6].map { ($0 - 3) / 7.0.squareRoot() + 3 })
                < 1e-8)
        #expect(Whitening()([[5]]) == [[0]])
    }

    @Test func thePenaltyFollowsTheDistance() {
        var penalty = AdaptivePenalty(target: 6)
        // Clipped at a fifth: 0.2 (1 + 0.2 · 500 / 10000).
        penalty.update(divergence: 60, answers: 500)
        #expect(abs(penalty.coefficient - 0.202) < 1e-12)
        penalty.update(divergence: 5.4, answers: 100)
        #expect(abs(penalty.coefficient - 0.202 * (1 - 0.1 * 0.01)) < 1e-12)
    }

    private func largestDistance(_ found: [Double], _ wanted: [Double]) -> Double {
        found.count == wanted.count
            ? zip(found, wanted).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }

    @Test func runningMomentsAreThoseOfAllNumbers() {
        var moments = RunningMoments()
        moments.update([3])
        #expect(moments.mean == 3 && moments.deviation == 1)
        moments.update([5, 1])
        moments.update([7])
        // Of 3, 5, 1, 7: mean 4, variance 20/3.
        #expect(abs(moments.mean - 4) < 1e-12)
        #expect(abs(moments.deviation - (20.0 / 3).squareRoot()) < 1e-12)
        var other = RunningMoments()
        other.numbers = moments.numbers
        #expect(other == moments)
    }
}
