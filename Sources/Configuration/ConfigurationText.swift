package import Files

/// The canonical text of a configuration and its hash.
enum ConfigurationText {
    /// YAML of every key that the command reads and obeys, by section, in the table's order.
    static func text(of settings: ConfigurationSettings) -> String {
        var text = ""
        for (title, keys) in ConfigurationKey.sections {
            let lines = obeyed(keys, by: settings.command).map { line($0, settings) }
            guard !lines.isEmpty else { continue }
            text += (text.isEmpty ? "" : "\n") + "# \(title)\n" + lines.joined()
        }
        return text
    }

    /// The lines of keys that are not local to a machine.
    static func comparedLines(of settings: ConfigurationSettings) -> [String] {
        obeyed(ConfigurationKey.table, by: settings.command).filter { !$0.isLocal }
            .map { String(line($0, settings).dropLast()) }
    }

    /// 64-bit FNV-1a of the lines whose keys are not local to a machine.
    static func hash(of settings: ConfigurationSettings) -> UInt64 {
        var hash = FNV1a()
        for key in obeyed(ConfigurationKey.table, by: settings.command) where !key.isLocal {
            hash.add(line(key, settings))
        }
        return hash.value
    }

    private static func obeyed(
        _ keys: [ConfigurationKey], by command: ConfigurationCommand
    ) -> [ConfigurationKey] {
        keys.filter { $0.support == .full && $0.readers.contains(command) }
    }

    /// The values of every key that the command reads and obeys and that has one: numbers and truths as
    /// such, all others in the words of ``text(of:)``.
    static func values(of settings: ConfigurationSettings) -> [JSONValue.Member] {
        obeyed(ConfigurationKey.table, by: settings.command).compactMap { key in
            switch settings[key.name] {
            case .none: nil
            case .boolean(let value): (key.name, .bool(value))
            case .integer(let value): (key.name, .int(value))
            case .number(let value): (key.name, .double(value))
            case .text(let value): (key.name, .string(value))
            case .list, .map: (key.name, .string(words(settings[key.name])))
            }
        }
    }

    private static func line(_ key: ConfigurationKey, _ settings: ConfigurationSettings) -> String {
        "\(key.name): \(words(settings[key.name]))\n"
    }

    private static func words(_ setting: Setting) -> String {
        switch setting {
        case .none: "null"
        case .boolean(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): number(value)
        case .text(let value): scalar(value)
        case .list(let values): "[" + values.map(scalar).joined(separator: ", ") + "]"
        case .map(let values): map(values)
        }
    }

    private static func number(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? String(value)
    }

    private static func map(_ values: [String: ConfigurationValue]) -> String {
        "{"
            + values.sorted { $0.key < $1.key }
            .map { "\(scalar($0.key)): \(words($0.value))" }.joined(separator: ", ") + "}"
    }

    private static func words(_ value: ConfigurationValue) -> String {
        switch value.content {
        case .null: "null"
        case .bool(let truth): truth ? "true" : "false"
        case .int(let whole): String(whole)
        case .double(let decimal): number(decimal)
        case .string(let text): scalar(text)
        case .list(let items): "[" + items.map(words).joined(separator: ", ") + "]"
        case .map(let values): map(values)
        }
    }

    /// A text as a YAML scalar: bare when it is plainly a word or a path, otherwise in quotes.
    private static func scalar(_ text: String) -> String {
        let bare = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "/"):
                true
            default: false
            }
        }
        let first = text.utf8.first ?? 0
        let startsAsWord =
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first)
            || first == UInt8(ascii: "/")
        let meaningful: Set = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        if bare, startsAsWord, !meaningful.contains(text.lowercased()) { return text }
        return JSONValue.string(text).text()
    }
}

extension RunConfiguration {
    /// A line for each key that must not differ between ranks.
    package var comparedLines: [String] {
        ConfigurationText.comparedLines(of: settings) + [
            "output_dir: \(output.outputDir ?? "null")"
        ]
    }

    /// The values of all keys that have one, in the table's order.
    package var resolvedValues: [JSONValue.Member] { ConfigurationText.values(of: settings) }

    /// Whether a key was written.
    package func isGiven(_ key: String) -> Bool { settings.isGiven(key) }
}
