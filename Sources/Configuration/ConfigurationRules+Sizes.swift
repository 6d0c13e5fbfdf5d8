extension ConfigurationRules {
    /// Samples of one step of one rank that can be counted for any number of ranks.
    static let mostSamples = 1_000_000_000
    /// Tokens of one micro-batch that 32 bits can number.
    static let mostTokens = 2_147_483_647

    /// Where adapters are merged or talked to, the base's positions are stretched as in the run that
    /// made them.
    static func checkRopeScaling(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings["rope_scaling"] != .none else { return }
        let isTraining = Set.training.contains(settings.command)
        guard isTraining || settings.isGiven("cutoff_len") else {
            throw .contradiction(
                keys: ["rope_scaling"],
                reason: "needs cutoff_len, as in the run that trained the adapter",
                place: settings.place("rope_scaling"))
        }
    }

    /// Checks products of numbers that are each within their own limits.
    static func checkSizes(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let batch = settings.integer("per_device_train_batch_size")
        try check(
            settings, "per_device_train_batch_size", "gradient_accumulation_steps",
            product: (batch, settings.integer("gradient_accumulation_steps")),
            atMost: mostSamples, "samples a step on each rank")
        let length = settings.integer("cutoff_len")
        try check(
            settings, "per_device_train_batch_size", "cutoff_len", product: (batch, length),
            atMost: mostTokens, "tokens a micro-batch")
        try check(
            settings, "per_device_eval_batch_size", "cutoff_len",
            product: (settings.integer("per_device_eval_batch_size"), length), atMost: mostTokens,
            "tokens a micro-batch")
    }

    private static func check(
        _ settings: ConfigurationSettings, _ first: String, _ second: String,
        product: (Int, Int), atMost most: Int, _ unit: String
    ) throws(ConfigurationError) {
        let (value, overflows) = product.0.multipliedReportingOverflow(by: product.1)
        guard overflows || value > most else { return }
        let places = [first, second].map(settings.place).filter { $0 != .unknown }
        throw .contradiction(
            keys: [first, second],
            reason: "\(product.0) times \(product.1) are too many \(unit), expected at most "
                + "\(most)", place: places.max { $0.rank < $1.rank } ?? .unknown)
    }
}
