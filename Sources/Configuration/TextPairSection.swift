/// How an encoder-decoder reads texts and their targets.
package struct TextPairSection: Sendable {
    /// Tokens of a text at most, special ones included; `cutoff_len` unless given.
    package let maxSourceLength: Int?
    /// Tokens of a target at most, its end included; `cutoff_len` unless given.
    package let maxTargetLength: Int?
    /// Stands before each text.
    package let sourcePrefix: String

    /// The keys, which mean nothing for other models.
    package static let names = ["max_source_length", "max_target_length", "source_prefix"]

    static let keys: [ConfigurationKey] = [
        .integer("max_source_length", nil, .from(2).within(16_777_216), .samples),
        .integer("max_target_length", nil, .from(2).within(16_777_216), .samples),
        .text("source_prefix", nil, .samples),
    ]

    init(_ settings: ConfigurationSettings) {
        maxSourceLength = settings.optionalInteger("max_source_length")
        maxTargetLength = settings.optionalInteger("max_target_length")
        sourcePrefix = settings.optionalText("source_prefix") ?? ""
    }
}

extension TextPairSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.samples.contains(settings.command) else { return }
        for name in names where settings.isGiven(name) && settings.stage != .supervised {
            throw settings.contradiction(
                [name, "stage"],
                "texts with targets that are written are for stage: sft; leave it out")
        }
        for name in names.prefix(2) {
            let most = settings.integer("cutoff_len")
            guard let length = settings.optionalInteger(name), length > most else { continue }
            throw settings.contradiction(
                [name, "cutoff_len"],
                "\(length) tokens are more than cutoff_len (\(most)) lets a side have; raise "
                    + "cutoff_len")
        }
    }
}
