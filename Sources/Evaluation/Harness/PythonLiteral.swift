package import Files

/// Reads what Python writes of lists, texts and numbers (`ast.literal_eval`): a template that writes a list
/// gives its text.
package struct PythonLiteral {
    private let source: [Unicode.Scalar]
    private var place = 0

    /// The value of a text that is one literal; `nil` of any other.
    package static func value(_ text: String) -> JSONValue? {
        var reader = PythonLiteral(source: Array(text.unicodeScalars))
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipSpace()
        return reader.place == reader.source.count ? value : nil
    }

    private init(source: [Unicode.Scalar]) { self.source = source }

    private var next: Unicode.Scalar? { place < source.count ? source[place] : nil }

    private mutating func skipSpace() {
        while let scalar = next, scalar == " " || scalar == "\n" || scalar == "\t" { place += 1 }
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        skipSpace()
        guard next == scalar else { return false }
        place += 1
        return true
    }

    private mutating func value(depth: Int) -> JSONValue? {
        guard depth < 60 else { return nil }
        skipSpace()
        switch next {
        case "'", "\"": return texts()
        case "[": return list("[", "]", depth).map { .array($0) }
        case "(":
            return list("(", ")", depth).map { $0.count == 1 && !endsInComma ? $0[0] : .array($0) }
        case "{": return dictionary(depth)
        default: return word()
        }
    }

    /// Whether the list that was read last ended in a comma, as tuples of one do.
    private var endsInComma = false

    private mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ depth: Int
    ) -> [JSONValue]? {
        guard skip(open) else { return nil }
        var values: [JSONValue] = []
        var hasComma = true
        while !skip(close) {
            guard hasComma, let value = value(depth: depth + 1) else { return nil }
            values.append(value)
            hasComma = skip(",")
        }
        endsInComma = hasComma
        return values
    }

    private mutating func dictionary(_ depth: Int) -> JSONValue? {
        guard skip("{") else { return nil }
        var members: [JSONValue.Member] = []
        var hasComma = true
        while !skip("}") {
            guard hasComma, case .string(let key)? = value(depth: depth + 1), skip(":"),
                let value = value(depth: depth + 1)
            else { return nil }
            members.append((key: key, value: value))
            hasComma = skip(",")
        }
        return .object(members)
    }

    private mutating func word() -> JSONValue? {
        let start = place
        while let scalar = next, !" ,]})\n\t:".unicodeScalars.contains(scalar) { place += 1 }
        let word = String(String.UnicodeScalarView(source[start..<place]))
        switch word {
        case "None": return .null
        case "True": return .bool(true)
        case "False": return .bool(false)
        default:
            // As in Python a number of several digits does not begin with 0.
            let digits = word.drop { $0 == "-" || $0 == "+" }
            let isOctal =
                digits.count > 1 && digits.hasPrefix("0") && digits.allSatisfy(\.isNumber)
            guard let first = digits.first, first.isNumber || first == ".", !isOctal,
                Double(word) != nil
            else { return nil }
            return .number(word)
        }
    }

    /// A text, or several one after another, which Python joins.
    private mutating func texts() -> JSONValue? {
        guard var text = text() else { return nil }
        while true {
            skipSpace()
            guard next == "'" || next == "\"" else { return .string(text) }
            guard let more = self.text() else { return nil }
            text += more
        }
    }

    private mutating func text() -> String? {
        guard let quote = next else { return nil }
        place += 1
        var text = String.UnicodeScalarView()
        while let scalar = next {
            place += 1
            if scalar == quote { return String(text) }
            if scalar == "\n" { return nil }
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            guard let escaped = escape() else { return nil }
            text.append(contentsOf: escaped)
        }
        return nil
    }

    private mutating func escape() -> [Unicode.Scalar]? {
        guard let kind = next else { return nil }
        place += 1
        let plain: [Unicode.Scalar: Unicode.Scalar] = [
            "n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "\"": "\"", "0": "\0",
            "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
        ]
        if let scalar = plain[kind] { return [scalar] }
        let widths: [Unicode.Scalar: Int] = ["x": 2, "u": 4, "U": 8]
        guard let width = widths[kind] else { return kind == "\n" ? [] : ["\\", kind] }
        guard place + width <= source.count else { return nil }
        let digits = String(String.UnicodeScalarView(source[place..<place + width]))
        place += width
        return UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init).map { [$0] }
    }
}
