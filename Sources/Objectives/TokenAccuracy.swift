/// The share of target tokens that the model finds likeliest, as LLaMA-Factory's `compute_accuracy`
/// has it: the mean over samples of each sample's own share.
///
/// A sample without targets is left out; numpy's mean over none would make the whole result NaN.
package struct TokenAccuracy: Sendable, Equatable {
    /// Samples with at least one target.
    package private(set) var count = 0
    /// Sum over samples of the share of right tokens.
    package private(set) var sum = 0.0

    /// The figure's name.
    package static let name = "accuracy"

    package init() {}

    /// Adds a sample.
    ///
    /// - Parameters:
    ///   - likeliest: (T) token of highest logit after each position.
    ///   - targets: (T) token wanted after each position; −100 carries no loss.
    package mutating func add(likeliest: [Int32], targets: [Int32]) {
        precondition(
            likeliest.count == targets.count,
            "accuracy: \(likeliest.count) predictions for \(targets.count) targets")
        var wanted = 0
        var right = 0
        for (found, target) in zip(likeliest, targets) where target != -100 {
            wanted += 1
            if found == target { right += 1 }
        }
        guard wanted > 0 else { return }
        count += 1
        sum += Double(right) / Double(wanted)
    }
}
