/// How much likelier a desirable answer should become, and an undesirable one less likely: numbers of an
/// answer's log-probability, with their derivatives.
///
/// ρ is how much its summed log-probability S is above the reference's, K the divergence of the policy from
/// the reference, at least 0 and without a gradient. A desirable answer costs w_c (1 − σ(β(ρ − K))), another
/// w_r (1 − σ(β(K − ρ))). Ethayarajh et al. 2024, arXiv:2402.01306, equations 7 and 8.
package struct DesirabilityLoss: Sendable, Equatable {
    /// β (`pref_beta`).
    package var beta = 0.1
    /// w_c (`kto_chosen_weight`).
    package var desirableWeight = 1.0
    /// w_r (`kto_rejected_weight`).
    package var undesirableWeight = 1.0
    /// Times −A, the mean over its tokens, which is added for a desirable answer (`pref_ftx`).
    package var answerWeight = 0.0

    package init() {}

    /// The loss of an answer and its derivative by S.
    ///
    /// - Parameter divergence: K.
    package func callAsFunction(
        _ answer: PairLoss.Answer, isDesirable: Bool, divergence: Double
    ) -> (loss: Double, gradient: Double) {
        let distance = answer.sum - answer.reference - divergence
        let p = PairLoss.sigmoid(beta * (isDesirable ? distance : -distance))
        let weight = isDesirable ? desirableWeight : undesirableWeight
        var (loss, gradient) = (weight * (1 - p), weight * beta * p * (1 - p))
        guard isDesirable else { return (loss, gradient) }
        gradient.negate()
        if answerWeight > 0 {
            let share = answerWeight / Double(answer.tokens)
            loss -= share * answer.sum
            gradient -= share
        }
        return (loss, gradient)
    }
}
