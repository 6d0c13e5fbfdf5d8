/// A part of a configuration: its keys with their defaults, and what it asks of them and of others.
protocol ConfigurationSection: Sendable {
    static var keys: [ConfigurationKey] { get }

    /// Fills in the section's values that follow from other keys.
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError)

    /// Checks that the section's values go together with each other and with those of other
    /// sections, and refuses what later versions will have.
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError)

    /// Adds a line for each of the section's settings that is accepted but has no say.
    static func note(_ settings: inout ConfigurationSettings)
}

extension ConfigurationSection {
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {}
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {}
    static func note(_ settings: inout ConfigurationSettings) {}
}

extension ConfigurationSettings {
    /// The objective.
    var stage: MethodSection.Stage { choice("stage") }
    /// Which weights change; all where the command has no say in it.
    var finetuningType: MethodSection.FinetuningType {
        optionalText("finetuning_type").flatMap(MethodSection.FinetuningType.init) ?? .full
    }
    /// When held-out samples are tried.
    var evalStrategy: OutputSection.Strategy { choice("eval_strategy") }

    /// Keys that do not go together, at the last of their places.
    func contradiction(_ keys: [String], _ reason: String) -> ConfigurationError {
        let places = keys.map(place).filter { $0 != .unknown }
        return .contradiction(
            keys: keys, reason: reason, place: places.max { $0.rank < $1.rank } ?? .unknown)
    }

    /// Adds a line for those of `keys` that were changed without a say.
    mutating func noteUnused(_ keys: [String], since reason: String) {
        let changed = keys.filter(isChanged)
        if !changed.isEmpty {
            note(changed.joined(separator: ", ") + ": not used, since " + reason)
        }
    }

    /// The number of a key without the `.0` of a whole one, for a message.
    func plain(_ name: String) -> String {
        let value = number(name)
        return Int(exactly: value).map(String.init) ?? String(value)
    }
}
