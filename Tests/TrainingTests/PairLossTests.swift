import Foundation
import Objectives
import TestSupport
import Testing

/// Losses of pairs of answers as numbers, beside scripts/references/preferences.py.
@Suite struct PairLossTests {
    static func loss(_ run: [String: Any]) throws -> PairLoss {
        var loss = PairLoss()
        loss.form = try #require((run["form"] as? String).flatMap(PairLoss.Form.init))
        loss.beta = try #require(run["beta"] as? Double)
        loss.smoothing = run["smoothing"] as? Double ?? 0
        loss.margin = run["margin"] as? Double ?? loss.margin
        loss.answerWeight = run["ftx"] as? Double ?? 0
        loss.classifierWeight = run["bco"] as? Double ?? 0
        return loss
    }

    @Test func valuesAndDerivativesOfAHundredPairsAreThoseOfPyTorch() throws {
        let cases = try References.object("preferences/cases.json")
        let counts = try #require(cases["counts"] as? [[Int]])
        let sums = try #require(cases["sums"] as? [[Double]])
        let references = try #require(cases["references"] as? [[Double]])
        let step = try #require(cases["step"] as? [String: Double])
        let runs = try #require(cases["pairs"] as? [String: [String: Any]])
        var baselines = PairLoss.Baselines()
        baselines.chosenDivergence = try #require(step["K_c"])
        baselines.rejectedDivergence = try #require(step["K_r"])
        baselines.reward = try #require(step["delta"])
        var forms: Set<String> = []
        for (name, run) in runs {
            let loss = try Self.loss(try #require(run["run"] as? [String: Any]))
            forms.insert(loss.form.rawValue)
            let expected = try ["losses", "chosen", "rejected", "rewards"].map {
                try #require(run[$0] as? [Double])
            }
            for pair in 0..<100 {
                let answers = [0, 1].map {
                    PairLoss.Answer(
                        sum: sums[$0][pair], tokens: counts[$0][pair],
                        reference: references[$0][pair])
                }
                let found = loss(chosen: answers[0], rejected: answers[1], given: baselines)
                let numbers = [
                    found.loss, found.chosenGradient, found.rejectedGradient, found.chosenReward,
                ]
                for (number, wanted) in zip(numbers, expected) {
                    // Both in float64: some roundings of numbers up to a few hundred.
                    #expect(
                        abs(number - wanted[pair]) < 1e-10 * max(1, abs(wanted[pair])),
                        "\(name), pair \(pair)")
                }
            }
        }
        #expect(forms == Set(PairLoss.Form.allCases.map(\.rawValue)))
    }

    @Test func judgedAnswersOfAHundredRowsAreThoseOfPyTorch() throws {
        let cases = try References.object("preferences/cases.json")
        let counts = try #require(cases["counts"] as? [[Int]])
        let sums = try #require(cases["sums"] as? [[Double]])
        let references = try #require(cases["references"] as? [[Double]])
        let step = try #require(cases["step"] as? [String: Double])
        let run = try #require(cases["kto"] as? [String: Any])
        let weights = try #require(run["weights"] as? [Double])
        let tags = try #require(run["desirable"] as? [Int])
        let losses = try #require(run["losses"] as? [Double])
        let gradients = try #require(run["gradients"] as? [Double])
        var loss = DesirabilityLoss()
        loss.beta = try #require(run["beta"] as? Double)
        (loss.desirableWeight, loss.undesirableWeight) = (weights[0], weights[1])
        for row in 0..<100 {
            let found = loss(
                PairLoss.Answer(
                    sum: sums[0][row], tokens: counts[0][row], reference: references[0][row]),
                isDesirable: tags[row] == 1, divergence: try #require(step["K_c"]))
            #expect(abs(found.loss - losses[row]) < 1e-12)
            #expect(abs(found.gradient - gradients[row]) < 1e-12)
        }
        // Of the pair below with K 0.5, by hand.
        loss = DesirabilityLoss()
        let good = loss(
            .init(sum: -10, tokens: 5, reference: -11), isDesirable: true, divergence: 0.5)
        let bad = loss(
            .init(sum: -21, tokens: 7, reference: -20), isDesirable: false, divergence: 0.5)
        #expect(abs(good.loss - 0.4875026) < 1e-7 && abs(bad.loss - 0.4625702) < 1e-7)
    }

    /// One pair: S_c −10 of 5 tokens, S_r −21 of 7, the reference's −11 and −20.
    private func loss(
        _ form: PairLoss.Form, _ change: (inout PairLoss) -> Void = { _ in },
        given baselines: PairLoss.Baselines = PairLoss.Baselines()
    ) -> Double {
        var loss = PairLoss()
        loss.form = form
        change(&loss)
        return loss(
            chosen: .init(sum: -10, tokens: 5, reference: -11),
            rejected: .init(sum: -21, tokens: 7, reference: -20), given: baselines
        ).loss
    }

    /// Computed by hand from the papers' formulas, to seven digits.
    @Test func onePairGivesTheKnownNumbers() {
        var divergences = PairLoss.Baselines()
        divergences.chosenDivergence = 1
        let numbers = [
            (loss(.sigmoid), 0.5981389), (loss(.sigmoid) { $0.smoothing = 0.1 }, 0.6181389),
            (loss(.hinge), 0.8), (loss(.ipo), 21.6889796), (loss(.orpo), 2.0288751),
            (loss(.simpo), 0.9130153),
            (
                loss(.simpo) {
                    $0.beta = 2
                    $0.margin = 1
                }, 0.3132617
            ),
            (loss(.ktoPair, given: divergences), (0.4750208 + 0.4501660) / 2),
            // (loss + b)/2 with b 1.2887933.
            (loss(.sigmoid) { $0.classifierWeight = 1 }, (0.5981389 + 1.2887933) / 2),
            (loss(.sigmoid) { $0.answerWeight = 0.5 }, 0.5981389 + 0.5 * 2),
        ]
        for (found, expected) in numbers { #expect(abs(found - expected) < 1e-7) }
    }

    @Test func anAnswerThatIsCertainHasFiniteOdds() {
        var loss = PairLoss()
        loss.form = .orpo
        for sum in [0.0, -1e-12, -1e-9] {
            let found = loss(
                chosen: .init(sum: sum, tokens: 1), rejected: .init(sum: -3000, tokens: 2))
            #expect(found.loss.isFinite && found.chosenGradient.isFinite)
            #expect(found.rejectedGradient.isFinite && found.rejectedGradient >= 0)
        }
    }

    /// Far from 0 neither exponential overflows.
    @Test func distancesOfAnySizeHaveALoss() {
        for form in PairLoss.Form.allCases where form != .ipo {
            for sign in [-1.0, 1] {
                var loss = PairLoss()
                loss.form = form
                loss.beta = 10
                let found = loss(
                    chosen: .init(sum: -1e4 - sign * 5e3, tokens: 3, reference: -1e4),
                    rejected: .init(sum: -1e4 + sign * 5e3, tokens: 3, reference: -1e4))
                #expect(found.loss.isFinite && found.chosenGradient.isFinite, "\(form)")
            }
        }
    }
}
