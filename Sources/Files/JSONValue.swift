/// A JSON value as Python's json module reads and writes it: keys keep their order, integers
/// their digits.
///
/// Tool calls are parsed and written anew before they are encoded, so the text has to come out as
/// `json.dumps(…, ensure_ascii=False)` gives it.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number as Python writes it.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    /// One key of an object and its value.
    package typealias Member = (key: String, value: JSONValue)

    /// A whole number.
    package static func int(_ value: Int) -> JSONValue { .number(String(value)) }

    /// A number as Python writes it; null where it is not finite, for which JSON has no word.
    package static func double(_ value: Double) -> JSONValue {
        value.isFinite ? .number(PythonNumber.text(value)) : .null
    }

    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a.elementsEqual(b, by: ==)
        default: false
        }
    }

    /// The value of a key of an object; `nil` where it is absent or null.
    package subscript(key: String) -> JSONValue? {
        guard let value = member(key), value != .null else { return nil }
        return value
    }

    /// The value of a key of an object, null included.
    package func member(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// An object with another value for a key, at its place or else at the end.
    package func setting(_ key: String, to value: JSONValue) -> JSONValue {
        var members = members ?? []
        if let index = members.lastIndex(where: { $0.key.utf8.elementsEqual(key.utf8) }) {
            members[index].value = value
        } else {
            members.append((key: key, value: value))
        }
        return .object(members)
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var members: [Member]? { if case .object(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// A number; NaN and infinities included.
    package var double: Double? {
        guard case .number(let text) = self else { return nil }
        return PythonNumber.value(text)
    }
    /// A number that is written without a fraction or an exponent.
    package var integer: Int? { if case .number(let value) = self { Int(value) } else { nil } }

    /// What Python calls false: null, false, zero and whatever is empty.
    package var isFalse: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .number(let value): PythonNumber.value(value) == 0
        case .string(let value): value.isEmpty
        case .array(let value): value.isEmpty
        case .object(let value): value.isEmpty
        }
    }

    /// What kind of value this is, in words for a message.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): value
        case .string(let value): "text \"\(Self.shortened(value))\""
        case .array(let values): "a list of \(values.count)"
        case .object(let members): "an object of \(members.count) keys"
        }
    }

    /// At most 40 characters of a text, on one line.
    package static func shortened(_ text: String) -> String {
        let line = text.prefix(40).map { $0.isNewline ? " " : $0 }
        return String(line) + (text.count > 40 ? "…" : "")
    }

    /// JSON text as Python's `json.dumps` writes it without escaping letters.
    ///
    /// - Parameters:
    ///   - indent: spaces a level; `nil` for one line.
    ///   - sortsKeys: whether keys come in alphabetical order instead of their own.
    package func text(indent: Int? = nil, sortsKeys: Bool = false) -> String {
        var writer = JSONWriter()
        writer.sortsKeys = sortsKeys
        if let indent {
            writer.indent = String(repeating: " ", count: indent)
            writer.itemSeparator = ","
        }
        return writer.text(of: self)
    }

    /// What Python's `str.format` makes of the value: a text as it is, else its `repr`.
    package var pythonText: String {
        if case .string(let value) = self { value } else { pythonRepr }
    }

    private var pythonRepr: String {
        switch self {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .number("NaN"): "nan"
        case .number("Infinity"): "inf"
        case .number("-Infinity"): "-inf"
        case .number(let value): value
        case .string(let value): Self.quoted(value)
        case .array(let values): "[" + values.map(\.pythonRepr).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.map { "\(Self.quoted($0.key)): \($0.value.pythonRepr)" }
                .joined(separator: ", ") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let quote: Character = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        var quoted = String(quote)
        for character in text.unicodeScalars {
            switch character {
            case "\\": quoted += #"\\"#
            case "\n": quoted += #"\n"#
            case "\r": quoted += #"\r"#
            case "\t": quoted += #"\t"#
            case "'" where quote == "'": quoted += #"\'"#
            case "\0"..<" ", "\u{7F}":
                let digits = String(character.value, radix: 16)
                quoted += #"\x"# + (digits.count < 2 ? "0" : "") + digits
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + String(quote)
    }
}
