import Distributed
import Objectives
import TextData

/// What completions are worth: a score of each by each reward.
struct RewardTable {
    /// A completion's row.
    struct Row {
        /// By reward; `nil` where one has nothing to say.
        var scores: [Double?]
        var tokens: Int
        var hasEnded: Bool
    }

    let names: [String]
    let weights: [Double]
    private(set) var rows: [Row]

    init(names: [String], weights: [Double], rows: [Row]) {
        self.names = names
        self.weights = weights
        self.rows = rows
    }

    /// Each completion's reward: its scores times their weights; `nil` where it has no score.
    var rewards: [Double?] {
        rows.map { row in
            let known = zip(row.scores, weights).compactMap { score, weight in
                score.map { $0 * weight }
            }
            return known.isEmpty ? nil : known.reduce(0, +)
        }
    }

    /// All ranks' rows, in the order of the ranks. Collective. Scores are float32 on every rank.
    func gathered(over communicator: any Communicator) throws(TrainingError) -> RewardTable {
        var own: [Float] = []
        for row in rows {
            own += [Float(row.tokens), row.hasEnded ? 1 : 0]
            for score in row.scores { own.append(score.map { Float($0) } ?? .nan) }
        }
        let numbers: [Float]
        do throws(CommunicationError) {
            numbers = try communicator.allGather(own).numbers
        } catch {
            throw .communication(error)
        }
        let width = names.count + 2
        var all = self
        all.rows = stride(from: 0, to: numbers.count, by: width).map { start in
            let row = numbers[start..<start + width]
            return Row(
                scores: row.dropFirst(2).map { $0.isNaN ? nil : Double($0) },
                tokens: Int(numbers[start]), hasEnded: numbers[start + 1] == 1)
        }
        return all
    }
}

extension RewardTable {
    /// Names of ``figures(_:)``, as TRL has them.
    static func figureNames(_ rewards: [String]) -> [String] {
        ["reward", "reward_std"] + rewards.flatMap { ["rewards/\($0)/mean", "rewards/\($0)/std"] }
            + ["frac_reward_zero_std"]
            + ["mean", "min", "max"].map { "completions/\($0)_length" }
            + ["completions/clipped_ratio"]
            + ["mean", "min", "max"].map { "completions/\($0)_terminated_length" }
    }

    /// Figures of a rollout; those that it has no numbers for are left out.
    func figures(_ groups: GroupAdvantage) -> [(name: String, value: Double)] {
        let rewards = rewards
        let known = rewards.compactMap { $0 }
        let deviations = groups.groups(of: rewards).map {
            GroupAdvantage.spread($0.compactMap { $0 }).deviation
        }
        var figures: [(name: String, value: Double)] = []
        func add(_ name: String, _ value: Double?) {
            if let value { figures.append((name, value)) }
        }
        func mean(_ values: [Double]) -> Double? {
            values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        add("reward", mean(known))
        add("reward_std", mean(deviations))
        for (number, name) in names.enumerated() {
            let scores = rows.compactMap { $0.scores[number] }
            add("rewards/\(name)/mean", mean(scores))
            add(
                "rewards/\(name)/std",
                scores.isEmpty ? nil : GroupAdvantage.spread(scores).deviation)
        }
        add("frac_reward_zero_std", mean(deviations.map { $0 < 1e-8 ? 1 : 0 }))
        for (suffix, part) in [("length", rows), ("terminated_length", rows.filter(\.hasEnded))] {
            let lengths = part.map { Double($0.tokens) }
            add("completions/mean_\(suffix)", mean(lengths))
            add("completions/min_\(suffix)", lengths.min())
            add("completions/max_\(suffix)", lengths.max())
        }
        add("completions/clipped_ratio", mean(rows.map { $0.hasEnded ? 0 : 1 }))
        return figures
    }
}
