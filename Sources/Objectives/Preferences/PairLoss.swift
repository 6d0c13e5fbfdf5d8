import Foundation

/// How much better a chosen answer should be than a rejected one: numbers of the log-probabilities of a
/// pair, with their derivatives. LLaMA-Factory's `pref_loss`.
///
/// S is the summed log-probability of an answer, n its tokens, A = S/n; a bar marks the reference, c and
/// r the chosen and the rejected answer. v is A in ``Form/ipo``, ``Form/orpo``, ``Form/simpo``, else S;
/// ρ = v − v̄ and Δ = ρ_c − ρ_r.
package struct PairLoss: Sendable, Equatable {
    package enum Form: String, Sendable, CaseIterable {
        /// −(1−ε) log σ(βΔ) − ε log σ(−βΔ). Rafailov et al. 2023, arXiv:2305.18290, equation 7.
        case sigmoid
        /// max(0, 1 − βΔ). Zhao et al. 2023, arXiv:2305.10425.
        case hinge
        /// (Δ − 1/(2β))². Azar et al. 2023, arXiv:2310.12036, equation 17, of lengths' means.
        case ipo
        /// ½ (1 − σ(β(ρ_c − K_r))) + ½ (1 − σ(β(K_c − ρ_r))); K has no gradient. TRL 0.8.6.
        case ktoPair = "kto_pair"
        /// −A_c − β log σ(L), L the difference of log odds. Hong et al. 2024, arXiv:2403.07691,
        /// equations 6 and 7.
        case orpo
        /// −log σ(β(A_c − A_r) − γ). Meng et al. 2024, arXiv:2405.14734, equation 6.
        case simpo

        package var usesMeans: Bool { self == .ipo || self == .orpo || self == .simpo }
        package var needsReference: Bool { self != .orpo && self != .simpo }
    }

    package var form = Form.sigmoid
    /// β (`pref_beta`).
    package var beta = 0.1
    /// ε (`dpo_label_smoothing`).
    package var smoothing = 0.0
    /// γ (`simpo_gamma`).
    package var margin = 0.5
    /// Times −A_c, which is added (`pref_ftx`).
    package var answerWeight = 0.0
    /// w of (loss + w b)/(1 + w), b = −log σ(βρ_c − δ) − log σ(δ − βρ_r) (`pref_bco_weight`).
    /// Jung et al. 2024, arXiv:2404.04656, mixed as Wang et al. 2024, arXiv:2411.10442, do.
    package var classifierWeight = 0.0

    package init() {}

    /// An answer: its log-probabilities' sum, its tokens, and the reference's sum.
    package struct Answer: Sendable, Equatable {
        package var sum: Double
        package var tokens: Int
        package var reference: Double

        package init(sum: Double, tokens: Int, reference: Double = 0) {
            self.sum = sum
            self.tokens = tokens
            self.reference = reference
        }
    }

    /// Numbers of a whole step that count as constants.
    package struct Baselines: Sendable, Equatable {
        /// K_c and K_r, at least 0.
        package var chosenDivergence = 0.0
        package var rejectedDivergence = 0.0
        /// δ.
        package var reward = 0.0

        package init() {}
    }

    /// What a pair comes to.
    package struct Outcome: Sendable, Equatable {
        package var loss = 0.0
        /// The loss by S_c and by S_r.
        package var chosenGradient = 0.0
        package var rejectedGradient = 0.0
        /// βρ, or βA without a reference.
        package var chosenReward = 0.0
        package var rejectedReward = 0.0
        /// v.
        package var chosenValue = 0.0
        package var rejectedValue = 0.0
        /// ORPO's parts: −A_c and −log σ(L).
        package var answerLoss = 0.0
        package var oddsLoss = 0.0
    }

    package func callAsFunction(
        chosen: Answer, rejected: Answer, given baselines: Baselines = Baselines()
    ) -> Outcome {
        let scales = [chosen, rejected].map { form.usesMeans ? 1 / Double($0.tokens) : 1 }
        let values = [chosen.sum * scales[0], rejected.sum * scales[1]]
        let ratios =
            form.needsReference
            ? [
                values[0] - chosen.reference * scales[0],
                values[1] - rejected.reference * scales[1],
            ] : values
        var outcome = Outcome()
        (outcome.chosenValue, outcome.rejectedValue) = (values[0], values[1])
        (outcome.chosenReward, outcome.rejectedReward) = (beta * ratios[0], beta * ratios[1])
        var slopes = preference(values, ratios, baselines, &outcome)
        if classifierWeight > 0 {
            let (x, y) = (beta * ratios[0] - baselines.reward, baselines.reward - beta * ratios[1])
            let loss = -Self.logSigmoid(x) - Self.logSigmoid(y)
            let share = 1 / (1 + classifierWeight)
            outcome.loss = (outcome.loss + classifierWeight * loss) * share
            slopes.chosen =
                (slopes.chosen - classifierWeight * beta * Self.sigmoid(-x)) * share
            slopes.rejected =
                (slopes.rejected + classifierWeight * beta * Self.sigmoid(-y)) * share
        }
        outcome.chosenGradient = slopes.chosen * scales[0]
        outcome.rejectedGradient = slopes.rejected * scales[1]
        if answerWeight > 0 {
            let share = answerWeight / Double(chosen.tokens)
            outcome.loss -= share * chosen.sum
            outcome.chosenGradient -= share
        }
        return outcome
    }

    /// The form's own loss, and its derivatives by v_c and v_r.
    private func preference(
        _ values: [Double], _ ratios: [Double], _ baselines: Baselines, _ outcome: inout Outcome
    ) -> (chosen: Double, rejected: Double) {
        let x = beta * (ratios[0] - ratios[1])
        switch form {
        case .sigmoid:
            outcome.loss =
                -(1 - smoothing) * Self.logSigmoid(x) - smoothing * Self.logSigmoid(-x)
            let slope =
                beta * (smoothing * Self.sigmoid(x) - (1 - smoothing) * Self.sigmoid(-x))
            return (slope, -slope)
        case .hinge:
            outcome.loss = max(0, 1 - x)
            return x < 1 ? (-beta, beta) : (0, 0)
        case .ipo:
            let distance = ratios[0] - ratios[1] - 1 / (2 * beta)
            outcome.loss = distance * distance
            return (2 * distance, -2 * distance)
        case .ktoPair:
            let p = Self.sigmoid(beta * (ratios[0] - baselines.rejectedDivergence))
            let q = Self.sigmoid(beta * (baselines.chosenDivergence - ratios[1]))
            outcome.loss = 0.5 * (1 - p) + 0.5 * (1 - q)
            return (-0.5 * beta * p * (1 - p), 0.5 * beta * q * (1 - q))
        case .orpo:
            let odds = values.map(Self.logOdds)
            let distance = odds[0].value - odds[1].value
            outcome.answerLoss = -values[0]
            outcome.oddsLoss = -Self.logSigmoid(distance)
            outcome.loss = outcome.answerLoss + beta * outcome.oddsLoss
            let slope = -beta * Self.sigmoid(-distance)
            return (slope * odds[0].slope - 1, -slope * odds[1].slope)
        case .simpo:
            outcome.loss = -Self.logSigmoid(x - margin)
            let slope = -beta * Self.sigmoid(margin - x)
            return (slope, -slope)
        }
    }

    /// log(p/(1−p)) of a log-probability, and its derivative by that. An answer that is certain counts as
    /// one at float32's distance from certainty: its odds are infinite.
    static func logOdds(_ logarithm: Double) -> (value: Double, slope: Double) {
        let value = min(logarithm, -mostCertain)
        let rest = value > -M_LN2 ? log(-expm1(value)) : log1p(-exp(value))
        return (value - rest, 1 / -expm1(value))
    }

    private static let mostCertain = 1e-7

    /// log σ(x), without overflow.
    static func logSigmoid(_ x: Double) -> Double {
        min(x, 0) - log1p(exp(-abs(x)))
    }

    static func sigmoid(_ x: Double) -> Double {
        x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x))
    }
}
