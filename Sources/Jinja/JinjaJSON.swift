import Files

/// JSON as transformers' `tojson` writes it: `json.dumps` without escaping letters.
struct JinjaJSON {
    var escapesLetters = false
    /// What a level is indented by; `nil` for one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortsKeys = false

    /// A value that has no JSON.
    struct Problem: Error {
        let text: String
    }

    func text(of value: JinjaValue) throws(Problem) -> String {
        var text = ""
        try write(value, level: 0, into: &text)
        return text
    }

    private func write(
        _ value: JinjaValue, level: Int, into text: inout String
    ) throws(Problem) {
        switch value {
        case .none: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .bigInteger(let digits): text += digits
        case .float(let value): text += PythonNumber.text(value)
        case .string(let string), .markup(let string): write(string, into: &text)
        case .list(let values), .tuple(let values):
            guard !values.isEmpty else {
                text += "[]"
                return
            }
            text += "["
            for (index, value) in values.enumerated() {
                separate(isFirst: index == 0, level + 1, &text)
                try write(value, level: level + 1, into: &text)
            }
            close(level, &text)
            text += "]"
        case .dictionary(let dictionary):
            guard !dictionary.entries.isEmpty else {
                text += "{}"
                return
            }
            text += "{"
            var entries: [(key: String, value: JinjaValue)] = []
            for entry in dictionary.entries { entries.append((try key(entry.key), entry.value)) }
            if sortsKeys {
                guard dictionary.entries.allSatisfy({ $0.key.text != nil }) else {
                    throw Problem(text: "keys that are no text cannot be sorted")
                }
                entries.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            for (index, entry) in entries.enumerated() {
                separate(isFirst: index == 0, level + 1, &text)
                write(entry.key, into: &text)
                text += keySeparator
                try write(entry.value, level: level + 1, into: &text)
            }
            close(level, &text)
            text += "}"
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

    private func separate(isFirst: Bool, _ level: Int, _ text: inout String) {
        if !isFirst { text += itemSeparator }
        if let indent { text += "\n" + String(repeating: indent, count: level) }
    }

    private func close(_ level: Int, _ text: inout String) {
        if let indent { text += "\n" + String(repeating: indent, count: level) }
    }

    private func write(_ string: String, into text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += #"\""#
            case "\\": text += #"\\"#
            case "\n": text += #"\n"#
            case "\r": text += #"\r"#
            case "\t": text += #"\t"#
            case "\u{8}": text += #"\b"#
            case "\u{C}": text += #"\f"#
            case "\0"..<" ": text += #"\u"# + Self.hexadecimal(scalar.value, digits: 4)
            default:
                if escapesLetters, scalar > "~" {
                    for unit in UTF16.encode(scalar).map(Array.init) ?? [] {
                        text += #"\u"# + Self.hexadecimal(UInt32(unit), digits: 4)
                    }
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }

    /// A number in base 16 with leading zeros.
    static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
