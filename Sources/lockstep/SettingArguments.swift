import Configuration
import Files

/// Settings written as `--key value`, as LLaMA-Factory and programs of Hugging Face take them.
///
/// They become `key=value` before the arguments are parsed. Options of a command itself keep their
/// meaning.
package enum SettingArguments {
    /// In place of a YAML file: all settings are arguments.
    static let noFile = "-"

    /// Commands that read a configuration, and their own options: those that take a value, and
    /// flags.
    private static let commands: [String: (options: Set<String>, flags: Set<String>)] = [
        "train": (["max-time"], []), "prepare": ([], []), "export": ([], []),
        "plan": (
            [
                "nodes", "ranks-per-node", "cores", "bandwidth", "latency", "constants",
                "save-constants", "steps",
            ], ["json"]
        ),
        "chat": (["model", "adapter"], []), "eval": ([], ["resume"]),
        "bench": (["threads", "steps", "tokens"], ["json"]),
    ]

    /// The arguments after the program's name with each `--key value` as `key=value`.
    package static func translated(_ arguments: [String]) -> [String] {
        guard let command = arguments.first, let own = commands[command] else { return arguments }
        var kept: [String] = []
        var settings: [String] = []
        var hasFile = false
        var index = 1
        while index < arguments.count {
            let argument = arguments[index]
            index += 1
            guard argument.hasPrefix("--"), argument.count > 2 else {
                let isBench = command == "bench" && kept.isEmpty
                hasFile = hasFile || !(argument.contains("=") || isBench || argument == "-h")
                if argument.contains("="), !argument.hasPrefix("-") {
                    settings.append(argument)
                } else {
                    kept.append(argument)
                }
                continue
            }
            let parts = argument.dropFirst(2).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts[0])
            let isOwn = own.options.contains(name) || own.flags.contains(name)
            let hasValue =
                parts.count == 2 || index < arguments.count && !arguments[index].hasPrefix("--")
            guard !isOwn, let setting = Setting(name, hasValue: hasValue) else {
                kept.append(argument)
                if parts.count == 1, own.options.contains(name), index < arguments.count {
                    kept.append(arguments[index])
                    index += 1
                }
                continue
            }
            if parts.count == 2 {
                settings.append(setting.written([String(parts[1])]))
                continue
            }
            let values = setting.values(from: arguments[index...])
            index += values.count
            settings.append(setting.written(values))
        }
        let needsFile = !hasFile && !settings.isEmpty && !kept.contains("--model")
        if needsFile, command != "bench" || kept.first != "gemm" {
            kept.insert(noFile, at: command == "bench" ? min(1, kept.count) : 0)
        }
        return [command] + kept + settings
    }

    /// A key that an option names.
    private struct Setting {
        let name: String
        let kind: ConfigurationKey.Kind
        /// Whether the option says that the key is off, as `--no_KEY` does.
        let isOff: Bool

        /// `nil` where the option is no setting but one of the command's own.
        init?(_ option: String, hasValue: Bool) {
            let folded = option.replacing("-", with: "_")
            let known = ConfigurationKey.table.first {
                $0.name == folded || $0.aliases.contains(folded)
            }
            if let known {
                (name, kind, isOff) = (folded, known.kind, false)
                return
            }
            let positive = folded.hasPrefix("no_") ? String(folded.dropFirst(3)) : ""
            if let key = ConfigurationKey.table.first(where: { $0.name == positive }) {
                (name, kind, isOff) = (positive, key.kind, true)
                return
            }
            // A key that no one knows is told as such, with the nearest one.
            guard option.contains("_") || hasValue else { return nil }
            (name, kind, isOff) = (folded, .anything, false)
        }

        /// The values that belong to the option: none or a word of truth for a switch, several for
        /// a list, else one.
        func values(from arguments: ArraySlice<String>) -> [String] {
            guard !isOff, let first = arguments.first, !first.hasPrefix("--") else { return [] }
            switch kind {
            case .boolean:
                let words = ["true", "false", "yes", "no", "on", "off", "1", "0", "null", "none"]
                return words.contains(first.lowercased()) ? [first] : []
            case .list:
                return Array(
                    arguments.prefix {
                        !$0.hasPrefix("--") && !$0.hasSuffix(".yaml") && !$0.hasSuffix(".yml")
                            && !$0.contains("=")
                    })
            default:
                return [first]
            }
        }

        /// The setting as `key=value`; a switch without a value is on.
        func written(_ values: [String]) -> String {
            if isOff { return name + "=false" }
            switch kind {
            case .boolean:
                let word = values.first ?? "true"
                return name + "=" + (word == "1" ? "true" : word == "0" ? "false" : word)
            case .text, .switchOrText, .list:
                guard let text = values.isEmpty ? nil : values.joined(separator: ",") else {
                    return name + "="
                }
                // A text that YAML would read as something else stands in quotes.
                let isPlain = text.allSatisfy { !"{}[]&*#?|<>!%@`'\",: ".contains($0) }
                return name + "=" + (isPlain ? text : JSONValue.string(text).text())
            default:
                return name + "=" + values.joined(separator: ",")
            }
        }
    }
}
