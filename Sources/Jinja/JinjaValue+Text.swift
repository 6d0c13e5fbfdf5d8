import Files

extension JinjaValue {
    /// What Python's `str` makes of the value; `nil` where that would tell an address in memory.
    var pythonText: String? {
        switch self {
        case .undefined: ""
        case .string(let text), .markup(let text): text
        default: pythonRepr
        }
    }

    /// What Python's `repr` makes of the value.
    var pythonRepr: String? {
        switch self {
        case .undefined: return "Undefined"
        case .none: return "None"
        case .bool(let value): return value ? "True" : "False"
        case .int(let value): return String(value)
        case .bigInteger(let digits): return digits
        case .float(let value): return Self.text(of: value)
        case .string(let text): return Self.quoted(text)
        case .markup(let text): return "Markup(\(Self.quoted(text)))"
        case .list(let values): return Self.joined(values).map { "[\($0)]" }
        case .tuple(let values):
            return Self.joined(values).map { values.count == 1 ? "(\($0),)" : "(\($0))" }
        case .dictionary(let dictionary):
            var parts: [String] = []
            for entry in dictionary.entries {
                guard let key = entry.key.pythonRepr, let value = entry.value.pythonRepr else {
                    return nil
                }
                parts.append("\(key): \(value)")
            }
            return "{\(parts.joined(separator: ", "))}"
        case .iterator(let iterator):
            guard iterator.kind != .generator, iterator.kind != .range else { return nil }
            return Self.joined(iterator.values).map { "\(iterator.kind.rawValue)([\($0)])" }
        case .namespace, .loop, .macro, .function, .method: return nil
        }
    }

    private static func joined(_ values: [JinjaValue]) -> String? {
        var parts: [String] = []
        for value in values {
            guard let text = value.pythonRepr else { return nil }
            parts.append(text)
        }
        return parts.joined(separator: ", ")
    }

    /// `repr` of a float.
    static func text(of value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
        return PythonNumber.text(value)
    }

    /// `repr` of a string.
    static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar =
            text.unicodeScalars.contains("'") && !text.unicodeScalars.contains("\"") ? "\"" : "'"
        var quoted = String.UnicodeScalarView([quote])
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": quoted.append(contentsOf: #"\\"#.unicodeScalars)
            case "\n": quoted.append(contentsOf: #"\n"#.unicodeScalars)
            case "\r": quoted.append(contentsOf: #"\r"#.unicodeScalars)
            case "\t": quoted.append(contentsOf: #"\t"#.unicodeScalars)
            case quote:
                quoted.append("\\")
                quoted.append(quote)
            default:
                if isPrintable(scalar) {
                    quoted.append(scalar)
                } else {
                    let (letter, count) =
                        scalar.value < 0x100
                        ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    quoted.append(contentsOf: "\\\(letter)".unicodeScalars)
                    quoted.append(
                        contentsOf: Self.hexadecimal(scalar.value, digits: count)
                            .unicodeScalars)
                }
            }
        }
        quoted.append(quote)
        return String(quoted)
    }

    /// A number in base 16 with leading zeros.
    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// What Python's `str.isprintable` says of a character.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar >= " " && scalar != "\u{7F}" }
        return switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .spaceSeparator:
            false
        default: true
        }
    }

    /// Bytes that a value's text has, at least; what it costs to write it.
    var size: Int {
        switch self {
        case .string(let text), .markup(let text): text.utf8.count + 2
        case .bigInteger(let digits): digits.utf8.count
        case .list(let values), .tuple(let values): values.reduce(2) { $0 + $1.size }
        case .dictionary(let dictionary):
            dictionary.entries.reduce(2) { $0 + $1.key.size + $1.value.size }
        case .iterator(let iterator): iterator.values.reduce(2) { $0 + $1.size }
        default: 8
        }
    }
}
