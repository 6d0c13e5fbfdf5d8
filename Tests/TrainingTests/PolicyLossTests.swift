import Foundation
import Objectives
import TestSupport
import Testing

/// Losses of policies as numbers, beside scripts/references/policies.py.
@Suite struct PolicyLossTests {
    private static func rows(_ value: Any?) -> [[Double]]? { value as? [[Double]] }

    @Test func valuesAndDerivativesOfAHundredMicroBatchesAreThoseOfPyTorch() throws {
        let cases = try #require(
            References.object("policies/cases.json")["cases"] as? [[String: Any]])
        #expect(cases.count == 100)
        var forms: Set<String> = []
        for (number, one) in cases.enumerated() {
            let run = try #require(one["run"] as? [String: Any])
            var loss = PolicyLoss()
            loss.form = try #require((run["loss"] as? String).flatMap(PolicyLoss.Form.init))
            loss.beta = try #require(run["beta"] as? Double)
            loss.lowerClip = try #require(run["low"] as? Double)
            loss.upperClip = try #require(run["high"] as? Double)
            forms.insert(loss.form.rawValue)
            let values = try #require(Self.rows(one["logps"]))
            let gradients = try #require(Self.rows(one["gradients"]))
            let reference = try #require(Self.rows(one["reference"]))
            let advantages = try #require(one["advantages"] as? [Double])
            let old = Self.rows(one["old"])
            let tokens = values.reduce(0) { $0 + $1.count }
            let divisor = loss.divisor(rows: 4, tokens: tokens, microBatchRows: 4)
            var (sum, divergence) = (0.0, 0.0)
            for row in values.indices {
                let outcome = loss(
                    .init(
                        values: values[row], old: old?[row],
                        reference: loss.beta > 0 ? reference[row] : nil),
                    advantage: advantages[row])
                let weight = loss.weight(
                    tokens: values[row].count, microBatchTokens: tokens, longest: 12)
                sum += outcome.losses.reduce(0, +) * weight / divisor
                divergence += outcome.divergences.reduce(0, +)
                for (found, expected) in zip(outcome.gradients, gradients[row]) {
                    // Both in float64: roundings of a few numbers.
                    #expect(
                        abs(found * weight / divisor - expected) < 1e-12,
                        "\(loss.form), case \(number)")
                }
            }
            #expect(abs(sum - (one["loss"] as? Double ?? .nan)) < 1e-12, "case \(number)")
            #expect(abs(divergence - (one["divergence"] as? Double ?? .nan)) < 1e-12)
        }
        #expect(forms == Set(PolicyLoss.Form.allCases.map(\.rawValue)))
    }

    /// Computed by hand, to seven digits.
    @Test func knownNumbersComeOut() {
        let advantages = GroupAdvantage(.group, samples: 4)([1, 0, 0, 1])
        for (found, expected) in zip(advantages, [0.8658754, -0.8658754, -0.8658754, 0.8658754]) {
            #expect(abs(found - expected) < 1e-7)
        }
        var loss = PolicyLoss()
        loss.beta = 0.5
        let outcome = loss(.init(values: [-1], reference: [-1.3]), advantage: 0)
        #expect(abs(outcome.divergences[0] - 0.0408182) < 1e-7)
        #expect(abs(outcome.losses[0] - 0.5 * 0.0408182) < 1e-7)
    }

    @Test func scalesDivideByWhatTheyName() {
        let rewards: [Double?] = [1, 3, 10, 20]
        let none = GroupAdvantage(.none, samples: 2)(rewards)
        #expect(none == [-1, 1, -5, 5])
        // Deviations of {1, 3} and {10, 20}, and of all four.
        let group = GroupAdvantage(.group, samples: 2)(rewards)
        #expect(abs(group[1] - 1 / (2.0.squareRoot() + 1e-4)) < 1e-12)
        #expect(abs(group[3] - 5 / (50.0.squareRoot() + 1e-4)) < 1e-12)
        let batch = GroupAdvantage(.batch, samples: 2)(rewards)
        let deviation = ((7.5 * 7.5 + 5.5 * 5.5 + 1.5 * 1.5 + 11.5 * 11.5) / 3).squareRoot()
        #expect(abs(batch[0] + 1 / (deviation + 1e-4)) < 1e-12)
    }

    /// It has no part in the mean of its group either.
    @Test func aCompletionWithoutARewardHasNoAdvantage() {
        let advantages = GroupAdvantage(.none, samples: 3)([nil, 1, 3])
        #expect(advantages == [0, -1, 1])
        #expect(GroupAdvantage(.group, samples: 2)([nil, nil, 5, nil]) == [0, 0, 0, 0])
    }

    @Test func clippedTokensAreCounted() {
        var loss = PolicyLoss()
        loss.upperClip = 0.3
        let rises = loss(.init(values: [0, 0, 0], old: [-0.2, -0.3, 0.5]), advantage: 1)
        #expect((rises.below, rises.above) == (0, 1))
        let falls = loss(.init(values: [0, 0, 0], old: [-0.2, -0.3, 0.5]), advantage: -1)
        #expect((falls.below, falls.above) == (1, 0))
        #expect(falls.gradients[2] == 0 && rises.gradients[2] != 0 && rises.gradients[1] == 0)
    }

    /// TRL 1.10 has one ratio of a completion in gspo, and means of completions.
    @Test func aCompletionOfOneRatioIsCountedOnce() {
        var loss = PolicyLoss()
        loss.form = .gspo
        let rises = loss(.init(values: [0, 0, 0], old: [-0.9, -0.3, 0.1]), advantage: 1)
        #expect((rises.below, rises.above, rises.ratios) == (0, 1, 1))
        let stays = loss(.init(values: [0, 0], old: [-0.9, 0.9]), advantage: 1)
        #expect((stays.below, stays.above, stays.ratios) == (0, 0, 1))
        #expect(loss(.init(values: []), advantage: 1).ratios == 0)
        loss.form = .grpo
        #expect(loss(.init(values: [0, 0, 0]), advantage: 1).ratios == 3)
    }
}
