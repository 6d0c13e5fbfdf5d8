extension RunConfiguration {
    /// The configuration with samples that a model has positions for, where `cutoff_len` was not given
    /// and its default is longer.
    ///
    /// LLaMA-Factory keeps its default with any model, since few rows are as long. Where the model writes
    /// texts that it then learns from, `cutoff_len` is of prompts, and `max_new_tokens` follow them.
    /// - Parameter positions: of the model that are free for a sample.
    /// - Throws: ``ConfigurationError`` for keys that do not go together with the shorter samples.
    package func fitting(positions: Int) throws(ConfigurationError) -> RunConfiguration {
        let given = data.cutoffLen
        guard given > positions, !isGiven("cutoff_len") else { return self }
        let completion = method.stage.learnsFromItsTexts ? generation.maxNewTokens : 0
        // Whoever reads the prompts says that max_new_tokens are too many.
        let length = positions - completion > 1 ? positions - completion : positions
        guard length > 1 else { return self }
        var settings = settings
        settings.resolve("cutoff_len", .integer(length))
        for part in ConfigurationKey.parts { try part.section.validate(with: settings) }
        try ConfigurationRules.checkSizes(settings)
        let notice =
            "cutoff_len: \(given), its default, became \(length): the model has \(positions) positions"
            + (length < positions ? ", and max_new_tokens are \(completion)" : "")
            + "; set cutoff_len for other samples"
        return try RunConfiguration(checked: settings, caches: caches, notices: notices + [notice])
    }
}
