import Files

/// Values as transformers' `tojson` hands them to `json.dumps`.
struct JinjaJSON {
    var writer = JSONWriter()

    /// A value that has no JSON.
    struct Problem: Error {
        let text: String
    }

    func text(of value: JinjaValue) throws(Problem) -> String {
        writer.text(of: try json(of: value))
    }

    private func json(of value: JinjaValue) throws(Problem) -> JSONValue {
        switch value {
        case .none: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .bigInteger(let digits): return .number(digits)
        case .float(let value): return .number(PythonNumber.text(value))
        case .string(let string), .markup(let string): return .string(string)
        case .list(let values), .tuple(let values):
            var items: [JSONValue] = []
            for value in values { items.append(try json(of: value)) }
            return .array(items)
        case .dictionary(let dictionary):
            var members: [JSONValue.Member] = []
            for entry in dictionary.entries {
                members.append((try key(entry.key), try json(of: entry.value)))
            }
            guard !writer.sortsKeys || dictionary.entries.allSatisfy({ $0.key.text != nil }) else {
                throw Problem(text: "keys that are no text cannot be sorted")
            }
            return .object(members)
        case .undefined(let reason): throw Problem(text: reason)
        default: throw Problem(text: "a \(value.typeName) has no JSON")
        }
    }

    /// The text that a key becomes.
    private func key(_ key: JinjaValue) throws(Problem) -> String {
        switch key {
        case .string(let text), .markup(let text): return text
        case .none: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .int(let value): return String(value)
        case .bigInteger(let digits): return digits
        case .float(let value): return PythonNumber.text(value)
        default: throw Problem(text: "a key that is a \(key.typeName) has no JSON")
        }
    }
}
