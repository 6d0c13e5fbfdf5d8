/// The rewards there are, by how they are asked for.
package enum RewardCatalog {
    /// What is asked for with one word.
    package static let words = [
        "exact_match", "numeric", "contains", "json", "think_format", "length",
    ]
    /// What ``reward(_:_:)`` does not make: the score of the run's reward model.
    package static let model = "model"
    /// What is asked for with a word, a colon and more.
    package static let prefixes = ["regex", "command", "api"]

    /// What rewards need to know of a run.
    package struct Setting: Sendable {
        /// Tokens of a completion at most.
        package var longest: Int
        /// Seconds that a program has for one score, and a server between two bytes.
        package var timeout: Double

        package init(longest: Int, timeout: Double) {
            self.longest = longest
            self.timeout = timeout
        }
    }

    /// What a text asks for.
    ///
    /// - Throws: ``RewardError/setting(found:expected:)`` for what is no reward.
    package static func reward(
        _ text: String, _ setting: Setting
    ) throws(RewardError) -> any Reward {
        switch text {
        case "exact_match": return ExactMatch()
        case "numeric": return NumericMatch()
        case "contains": return ContainsAnswer()
        case "json": return JSONReward()
        case "think_format": return ThinkFormat()
        case "length": return LengthPenalty(longest: setting.longest)
        default: break
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let rest = parts.count > 1 ? String(parts[1]) : ""
        switch (parts.first, rest.isEmpty) {
        case ("regex", false): return try PatternReward(rest)
        case ("command", false): return CommandReward(rest, timeout: setting.timeout)
        case ("api", false): return try ServiceReward(rest, timeout: setting.timeout)
        default:
            throw .setting(
                found: "'\(text)'",
                expected: "one of \(words.joined(separator: ", ")), "
                    + "regex:PATTERN, command:PROGRAM, api:ADDRESS, \(model)")
        }
    }
}
