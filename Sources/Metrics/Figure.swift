/// A figure besides the loss.
package struct Figure: Sendable, Equatable {
    /// Without a prefix such as `eval_`.
    package var name: String
    package var value: Double

    package init(name: String, value: Double) {
        self.name = name
        self.value = value
    }

    /// The share of targets that the model finds likeliest.
    package static let accuracy = "accuracy"

    /// Of preferences, as TRL names them: rewards are β times how much likelier an answer has become.
    package static let preferences = [
        "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins",
        "logps/chosen", "logps/rejected",
    ]

    /// Of reward models.
    package static let rankings = [accuracy, "rewards/margins"]

    /// All names there are of answers.
    package static let names = [accuracy] + TextSimilarity.names

    /// The names behind `eval_` among a log line's keys, those of single datasets last.
    package static func names(in keys: some Sequence<String>) -> [String] {
        let others = ["loss", "runtime", "samples_per_second", "steps_per_second"]
        let found = Set(keys.filter { $0.hasPrefix("eval_") }.map { String($0.dropFirst(5)) })
            .subtracting(others)
        return names.filter(found.contains) + found.subtracting(names).sorted()
    }
}
