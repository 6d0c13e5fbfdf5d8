/// Mean and deviation of all scores so far, by which `ppo_score_norm` scales them. As TRL 0.9.6's
/// `RunningMoments`: Chan et al.'s rule for joining the variances of two sets.
package struct RunningMoments: Sendable, Equatable {
    package private(set) var mean = 0.0
    /// Unbiased; 1 before there are two numbers.
    package private(set) var deviation = 1.0
    /// Biased.
    private var variance = 1.0
    /// As TRL begins, so that it is divided by before the first numbers come.
    private var count = 1e-24
    /// The distance of float32's 1 from the next number, which TRL adds to a divisor.
    private static let smallest = Double(Float.ulpOfOne)

    package init() {}

    /// Takes note of scores of all ranks.
    package mutating func update(_ scores: [Double]) {
        guard !scores.isEmpty else { return }
        let own = Double(scores.count)
        let ownMean = scores.reduce(0, +) / own
        let squares = scores.reduce(0) { $0 + ($1 - ownMean) * ($1 - ownMean) }
        let (distance, total) = (ownMean - mean, count + own)
        let sum = squares + variance * count + distance * distance * count * own / total
        mean += distance * own / total
        variance = sum / total
        if total > 1.5 { deviation = (sum / (total - 1)).squareRoot() }
        count = total
    }

    /// (score − mean) / deviation.
    package func normalized(_ score: Double) -> Double {
        (score - mean) / (deviation + Self.smallest)
    }

    /// What a checkpoint keeps.
    package var numbers: [Double] {
        get { [mean, deviation, variance, count] }
        set {
            precondition(newValue.count == 4, "running moments of \(newValue.count) numbers")
            (mean, deviation, variance, count) = (
                newValue[0], newValue[1], newValue[2], newValue[3]
            )
        }
    }
}
