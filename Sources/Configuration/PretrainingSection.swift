/// What `stage: pt` learns of running text.
package struct PretrainingSection: Sendable {
    /// The objective.
    package enum Objective: String, CaseIterable, Sendable {
        /// Each next token.
        case causal = "clm"
        /// Hidden tokens in their places.
        case masked = "mlm"
        /// Hidden spans, written by a decoder.
        case spanCorruption = "span_corruption"
    }

    /// `nil`: what the model was made for.
    package let objective: Objective?
    package let mlmProbability: Double
    package let meanNoiseSpanLength: Double
    package let maskReplaceProb: Double
    package let randomReplaceProb: Double

    static let keys: [ConfigurationKey] = [
        .choice(
            "objective", nil, Objective.allCases.map(\.rawValue),
            later: [
                "mlm+nsp", "ernie", "electra", "fim", "prefix_lm", "glm", "ul2", "contrastive",
            ], .training),
        .number("mlm_probability", 0.15, .above(0, upTo: 1), .training),
        .number("mean_noise_span_length", 3, .from(1), .training),
        .number("mask_replace_prob", 0.8, .from(0, upTo: 1), .training),
        .number("random_replace_prob", 0.1, .from(0, upTo: 1), .training),
    ]

    /// Keys, and the objectives that have them.
    private static let uses: [(key: String, objectives: [Objective])] = [
        ("mlm_probability", [.masked, .spanCorruption]),
        ("mean_noise_span_length", [.spanCorruption]),
        ("mask_replace_prob", [.masked]), ("random_replace_prob", [.masked]),
    ]

    init(_ settings: ConfigurationSettings) {
        objective = settings.optionalChoice("objective")
        mlmProbability = settings.number("mlm_probability")
        meanNoiseSpanLength = settings.number("mean_noise_span_length")
        maskReplaceProb = settings.number("mask_replace_prob")
        randomReplaceProb = settings.number("random_replace_prob")
    }
}

extension PretrainingSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) else { return }
        let objective: Objective? = settings.optionalChoice("objective")
        if objective != nil, settings.stage != .pretraining {
            throw settings.contradiction(
                ["objective", "stage"], "an objective is chosen with stage: pt; leave it out")
        }
        let sum = settings.number("mask_replace_prob") + settings.number("random_replace_prob")
        if sum > 1 {
            throw settings.contradiction(
                ["mask_replace_prob", "random_replace_prob"],
                "they are parts of the chosen tokens and come to \(sum); expected at most 1")
        }
        for (key, objectives) in uses where settings.isChanged(key) {
            let isUsed = objective.map(objectives.contains) ?? true
            guard settings.stage == .pretraining, isUsed else {
                throw settings.contradiction(
                    [key, objective == nil ? "stage" : "objective"],
                    "it belongs to stage: pt with objective: "
                        + objectives.map(\.rawValue).joined(separator: " or ") + "; leave it out")
            }
        }
        if objective != nil, objective != .causal,
            settings.number("label_smoothing_factor") > 0
        {
            throw settings.contradiction(
                ["label_smoothing_factor", "objective"],
                "the loss of hidden tokens is not smoothed; leave it out")
        }
    }
}
