/// Every key's accepted value for one command, with where it was written.
package struct ConfigurationSettings {
    let command: ConfigurationCommand
    private var values: [String: Setting] = [:]
    private var places: [String: ConfigurationPlace] = [:]
    /// What stands in the file, as written.
    private var spellings: [String: String] = [:]
    private(set) var notices: [String] = []

    /// Reads what was written against the key table.
    ///
    /// - Throws: ``ConfigurationError`` for the first mistake from the top of the file: an unknown
    ///   key, a key given under two names, a value that its key does not take.
    init(
        _ written: [String: ConfigurationValue], command: ConfigurationCommand
    ) throws(ConfigurationError) {
        self.command = command
        for key in ConfigurationKey.table { values[key.name] = key.standard }

        let byName = ConfigurationKey.byName
        var ignored: [String: [String]] = [:]
        let inOrder = written.sorted {
            ($0.value.place.rank, $0.key) < ($1.value.place.rank, $1.key)
        }
        for (writtenName, value) in inOrder {
            let engine = Self.engine(of: writtenName)
            if let engine, !ConfigurationKey.meansOff(value) {
                let keys = inOrder.filter {
                    Self.engine(of: $0.key) == engine && !ConfigurationKey.meansOff($0.value)
                }
                throw .otherEngine(engine, keys: keys.map(\.key), place: value.place)
            }
            guard let key = byName[writtenName] else {
                if engine != nil { continue }
                throw .unknownKey(
                    key: writtenName,
                    suggestion: ConfigurationKey.suggestion(for: writtenName),
                    place: value.place)
            }
            if key.support == .dormant, !ConfigurationKey.meansOff(value) {
                // Kept, so that a key that would make use of it can refuse it.
                values[key.name] = .text(value.spelling)
                places[key.name] = value.place
                continue
            }
            guard key.readers.contains(command) else {
                try checkMeaning(writtenName, value, hasTask: written["task"] != nil)
                continue
            }
            if case .noEffect(let reason) = key.support {
                if !ConfigurationKey.meansOff(value) {
                    ignored[reason, default: []].append(key.name)
                }
                continue
            }
            let setting = try key.read(value)
            if value.content == .null { continue }
            try take(setting, from: value, of: key, as: writtenName)
        }
        notices = ignored.map { reason, names in
            names.joined(separator: ", ") + ": no effect here; \(reason)"
        }.sorted()
    }

    /// Refuses a key of `eval` that a file for training can only mean otherwise, as batch_size.
    private func checkMeaning(
        _ name: String, _ value: ConfigurationValue, hasTask: Bool
    ) throws(ConfigurationError) {
        guard Set.training.contains(command), !hasTask,
            let meant = ConfigurationKey.otherwiseMeant(name)
        else { return }
        throw .unknownKey(key: name, suggestion: meant, place: value.place)
    }

    private mutating func take(
        _ setting: Setting, from value: ConfigurationValue, of key: ConfigurationKey,
        as writtenName: String
    ) throws(ConfigurationError) {
        if places[key.name] != nil, values[key.name] != setting {
            throw .contradiction(
                keys: [key.name, writtenName],
                reason: "are two names of one setting but differ; keep one", place: value.place)
        }
        values[key.name] = setting
        places[key.name] = value.place
        spellings[key.name] = value.spelling
    }

    /// The other program that a key belongs to.
    private static func engine(of name: String) -> ForeignEngine? {
        guard let key = ConfigurationKey.byName[name] else {
            return ForeignEngine.ofUnknownKey(name)
        }
        if case .foreign(let engine) = key.support { return engine }
        return nil
    }

    /// Whether the user gave the key a value.
    package func isGiven(_ name: String) -> Bool { places[name] != nil }

    /// Whether the user gave the key a value other than its default.
    func isChanged(_ name: String) -> Bool {
        isGiven(name) && values[name] != ConfigurationKey.byName[name]?.standard
    }

    /// The value as it was written; `nil` where it was not given.
    func spelling(_ name: String) -> String? { spellings[name] }

    /// Where the key was written, as far as it is known.
    func place(_ name: String) -> ConfigurationPlace { places[name] ?? .unknown }

    /// Adds a line for the user.
    mutating func note(_ notice: String) { notices.append(notice) }

    /// Sets a value that follows from others.
    mutating func resolve(_ name: String, _ setting: Setting) { values[name] = setting }

    /// The value as it stands.
    subscript(_ name: String) -> Setting {
        guard let value = values[name] else {
            preconditionFailure("configuration: key '\(name)' is not in the table")
        }
        return value
    }

    func optionalBoolean(_ name: String) -> Bool? {
        switch self[name] {
        case .none: nil
        case .boolean(let value): value
        default: preconditionFailure("configuration: \(name) is not a boolean")
        }
    }

    func boolean(_ name: String) -> Bool { required(optionalBoolean(name), name) }

    func optionalInteger(_ name: String) -> Int? {
        switch self[name] {
        case .none: nil
        case .integer(let value): value
        default: preconditionFailure("configuration: \(name) is not an integer")
        }
    }

    func integer(_ name: String) -> Int { required(optionalInteger(name), name) }

    func optionalNumber(_ name: String) -> Double? {
        switch self[name] {
        case .none: nil
        case .number(let value): value
        default: preconditionFailure("configuration: \(name) is not a number")
        }
    }

    func number(_ name: String) -> Double { required(optionalNumber(name), name) }

    func optionalText(_ name: String) -> String? {
        switch self[name] {
        case .none: nil
        case .text(let value): value
        default: preconditionFailure("configuration: \(name) is not a text")
        }
    }

    func text(_ name: String) -> String { required(optionalText(name), name) }

    /// The value of a choice as the type whose raw values are the words.
    func choice<Word: RawRepresentable>(_ name: String, as type: Word.Type = Word.self) -> Word
    where Word.RawValue == String {
        required(optionalChoice(name), name)
    }

    /// The same of a choice without a default.
    func optionalChoice<Word: RawRepresentable>(
        _ name: String, as type: Word.Type = Word.self
    ) -> Word? where Word.RawValue == String {
        optionalText(name).map { required(Word(rawValue: $0), name) }
    }

    /// The list, empty when unset.
    func list(_ name: String) -> [String] {
        switch self[name] {
        case .none: []
        case .list(let value): value
        default: preconditionFailure("configuration: \(name) is not a list")
        }
    }

    /// The map, empty when unset.
    func map(_ name: String) -> [String: ConfigurationValue] {
        switch self[name] {
        case .none: [:]
        case .map(let value): value
        default: preconditionFailure("configuration: \(name) is not a map")
        }
    }

    private func required<Value>(_ value: Value?, _ name: String) -> Value {
        guard let value else {
            preconditionFailure("configuration: \(name) has no default and no value")
        }
        return value
    }
}
