/// Names of the figures of `stage: ppo`, as TRL 0.9.6 has them; `reward` as LLaMA-Factory.
package enum PolicyFigure {
    package static let reward = "reward"
    package static let divergence = "objective/kl"
    package static let coefficient = "objective/kl_coef"
    package static let entropy = "objective/entropy"
    package static let penalty = "ppo/mean_non_score_reward"
    package static let meanScore = "ppo/mean_scores"
    package static let scoreDeviation = "ppo/std_scores"
    package static let promptLength = "tokens/queries_len_mean"
    package static let answerLength = "tokens/responses_len_mean"
    package static let meanReturn = "ppo/returns/mean"
    package static let returnVariance = "ppo/returns/var"
    package static let oldValue = "ppo/val/mean"
    package static let oldVariance = "ppo/val/var"
    static let policyLoss = "ppo/loss/policy"
    static let valueLoss = "ppo/loss/value"
    static let total = "ppo/loss/total"
    static let squaredDistance = "ppo/policy/approxkl"
    static let distance = "ppo/policy/policykl"
    static let clippedPolicy = "ppo/policy/clipfrac"
    static let ratio = "ppo/policy/ratio"
    static let policyEntropy = "ppo/policy/entropy"
    static let value = "ppo/val/vpred"
    static let valueError = "ppo/val/error"
    static let clippedValue = "ppo/val/clipfrac"

    /// Those of a whole rollout.
    package static let ofRollout = [
        reward, divergence, coefficient, entropy, penalty, meanScore, scoreDeviation, promptLength,
        answerLength, meanReturn, returnVariance, oldValue, oldVariance,
    ]
    /// Those of a step, each a mean over its tokens.
    static let ofStep = ofAnswers + [policyEntropy]
    /// Those of them that a loss of an answer has, in its order.
    static let ofAnswers = [
        policyLoss, valueLoss, total, squaredDistance, distance, clippedPolicy, ratio, value,
        valueError, clippedValue,
    ]
}
