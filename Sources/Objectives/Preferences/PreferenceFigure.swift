/// Names of the figures of preferences, as TRL has them.
package enum PreferenceFigure {
    package static let chosen = "rewards/chosen"
    static let rejected = "rewards/rejected"
    package static let accuracy = "rewards/accuracies"
    static let margin = "rewards/margins"
    static let chosenValue = "logps/chosen"
    static let rejectedValue = "logps/rejected"
    static let answerLoss = "sft_loss"
    static let oddsLoss = "odds_ratio_loss"
    static let divergence = "kl"
    /// Of reward models, as LLaMA-Factory calls it.
    package static let pairAccuracy = "accuracy"
}
