package import Files

/// A value of a configuration as it was written, before any key gave it a meaning.
///
/// Produced from YAML by the command; independent of any parser.
package struct ConfigurationValue: Sendable, Equatable {
    /// What kinds of value a configuration can hold.
    package enum Content: Sendable, Equatable {
        case null
        case bool(Bool)
        case int(Int)
        case double(Double)
        case string(String)
        case list([ConfigurationValue])
        case map([String: ConfigurationValue])
    }

    package let content: Content
    /// The characters of a scalar as written: lets a key that wants text accept `run_name: 5`.
    package let spelling: String
    package let place: ConfigurationPlace

    /// Creates a value; `spelling` is derived from the content unless the writer's own is given.
    package init(
        _ content: Content, spelling: String? = nil, place: ConfigurationPlace = .unknown
    ) {
        self.content = content
        self.spelling = spelling ?? content.description
        self.place = place
    }

    /// What was found, for error messages: `the text 'abc'`, `the number 3`, `a list`.
    package var found: String {
        switch content {
        case .null: "nothing"
        case .bool: spelling
        case .int, .double: "the number \(spelling)"
        case .string: "the text '\(spelling)'"
        case .list: "a list"
        case .map: "a map of keys"
        }
    }
}

extension ConfigurationValue {
    /// The same value as JSON; members of a map by their names.
    package var json: JSONValue {
        switch content {
        case .null: .null
        case .bool(let truth): .bool(truth)
        case .int(let whole): .int(whole)
        case .double(let decimal): .double(decimal)
        case .string(let text): .string(text)
        case .list(let items): .array(items.map(\.json))
        case .map(let values):
            .object(
                values.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value.json) })
        }
    }
}

extension ConfigurationValue.Content: CustomStringConvertible {
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .string(let value): value
        case .list(let values):
            "[" + values.map(\.spelling).joined(separator: ", ") + "]"
        case .map(let values):
            "{"
                + values.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.spelling)" }
                .joined(separator: ", ") + "}"
        }
    }
}

/// Where a value was written.
package enum ConfigurationPlace: Sendable, Equatable {
    /// A line of a configuration file, counted from 1.
    case line(Int, file: String)
    /// A `key=value` on the command line.
    case override
    /// Not known, as for values that a program made.
    case unknown

    /// Order in which mistakes are reported: the file from its top, then the command line.
    var rank: Int {
        switch self {
        case .line(let number, _): number
        case .override: Int.max - 1
        case .unknown: Int.max
        }
    }

    /// The beginning of a message, ending in `: ` when there is something to say.
    var prefix: String {
        switch self {
        case .line(let number, let file): "\(file) line \(number): "
        case .override: "command line: "
        case .unknown: ""
        }
    }
}
