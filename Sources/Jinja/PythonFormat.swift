import Foundation

/// Numbers in Python's formats.
enum PythonFormat {
    /// With so many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }

    /// How a value is to be written: `[[fill]align][sign][0][width][,][.precision][type]`.
    struct Specification {
        var fill = " "
        var alignment: Unicode.Scalar?
        var sign: Unicode.Scalar?
        var width = 0
        var groups = false
        var precision: Int?
        var type: Unicode.Scalar?

        /// `nil` for what is not supported.
        init?(_ text: String) {
            var rest = Array(text.unicodeScalars)[...]
            func isAlignment(_ scalar: Unicode.Scalar?) -> Bool {
                scalar.map { "<>^=".unicodeScalars.contains($0) } ?? false
            }
            if rest.count > 1, isAlignment(rest[rest.startIndex + 1]) {
                fill = String(rest.removeFirst())
                alignment = rest.removeFirst()
            } else if isAlignment(rest.first) {
                alignment = rest.removeFirst()
            }
            if let first = rest.first, "+- ".unicodeScalars.contains(first) {
                sign = rest.removeFirst()
            }
            if rest.first == "0" {
                rest.removeFirst()
                if alignment == nil { (fill, alignment) = ("0", "=") }
            }
            guard let width = Self.number(&rest) else { return nil }
            self.width = width
            if rest.first == "," {
                rest.removeFirst()
                groups = true
            }
            if rest.first == "." {
                rest.removeFirst()
                guard ("0"..."9").contains(rest.first ?? " "), let precision = Self.number(&rest)
                else { return nil }
                self.precision = precision
            }
            if let first = rest.first, "sdfr".unicodeScalars.contains(first) {
                type = rest.removeFirst()
            }
            guard rest.isEmpty, width <= 1000, precision ?? 0 <= 100 else { return nil }
        }

        /// A number at the beginning; 0 where there is none.
        private static func number(_ rest: inout ArraySlice<Unicode.Scalar>) -> Int? {
            var number = 0
            while let first = rest.first, ("0"..."9").contains(first) {
                number = number * 10 + Int(first.value - 48)
                guard number < 100_000 else { return nil }
                rest.removeFirst()
            }
            return number
        }

        /// `text` filled up to the width.
        func filled(_ text: String, isNumber: Bool) -> String {
            let space = max(0, width - text.unicodeScalars.count)
            guard space > 0 else { return text }
            func fill(_ count: Int) -> String { String(repeating: self.fill, count: count) }
            switch alignment ?? (isNumber ? ">" : "<") {
            case "<": return text + fill(space)
            case "^": return fill(space / 2) + text + fill(space - space / 2)
            case "=" where text.hasPrefix("-") || text.hasPrefix("+") || text.hasPrefix(" "):
                return String(text.prefix(1)) + fill(space) + String(text.dropFirst())
            default: return fill(space) + text
            }
        }

        /// A number's digits with sign and groups.
        func number(_ digits: String, isNegative: Bool) -> String {
            var whole = digits
            if groups {
                let point = digits.firstIndex(of: ".") ?? digits.endIndex
                var grouped = ""
                for (place, digit) in digits[..<point].enumerated() {
                    let left = digits.distance(from: digits.startIndex, to: point) - place
                    if place > 0, left % 3 == 0 { grouped += "," }
                    grouped.append(digit)
                }
                whole = grouped + digits[point...]
            }
            let mark = isNegative ? "-" : sign == "+" ? "+" : sign == " " ? " " : ""
            return filled(mark + whole, isNumber: true)
        }
    }
}

extension JinjaRenderer {
    /// `text % values`
    ///
    /// - Parameter whole: what stands right of `%`, for `%(name)s`.
    func percentFormatted(
        _ text: String, _ values: [JinjaValue], whole: JinjaValue
    ) throws(JinjaError) -> String {
        var rest = Array(text.unicodeScalars)[...]
        var result = String.UnicodeScalarView()
        var next = 0
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                result.append(scalar)
                continue
            }
            if rest.first == "%" {
                rest.removeFirst()
                result.append("%")
                continue
            }
            var value: JinjaValue?
            if rest.first == "(" {
                guard case .dictionary(let dictionary) = whole,
                    let end = rest.firstIndex(of: ")")
                else { throw failure("'%(' needs a dictionary") }
                var name = String.UnicodeScalarView()
                name.append(contentsOf: rest[rest.index(after: rest.startIndex)..<end])
                value = dictionary.value(of: String(name))
                rest = rest[(end + 1)...]
            }
            var letters = String.UnicodeScalarView()
            while let first = rest.popFirst() {
                letters.append(first)
                if first.properties.isAlphabetic { break }
            }
            if value == nil, next < values.count {
                value = values[next]
                next += 1
            }
            guard let value else { throw failure("'%' lacks a value for '%\(String(letters))'") }
            result.append(contentsOf: try percent(String(letters), value).unicodeScalars)
        }
        if case .dictionary = whole {
        } else if next < values.count {
            throw failure("'%' has more values than places")
        }
        try charge(result.count)
        return String(result)
    }

    private func percent(_ letters: String, _ value: JinjaValue) throws(JinjaError) -> String {
        let type = letters.unicodeScalars.last ?? " "
        var flags = String(letters.dropLast())
        var alignment = ">"
        if flags.hasPrefix("-") {
            flags.removeFirst()
            alignment = "<"
        }
        let isNumber = type == "d" || type == "i" || type == "f"
        guard isNumber || type == "s" || type == "r",
            let found = PythonFormat.Specification(
                (flags.hasPrefix("0") && isNumber ? "" : alignment) + flags),
            !found.groups
        else { throw unsupported("the format '%\(letters)'") }
        switch type {
        case "s", "r":
            guard let text = type == "s" ? value.pythonText : value.pythonRepr else {
                throw failure("a \(value.typeName) has no text of its own")
            }
            try charge(text.utf8.count)
            let kept = found.precision.map { cut(text, to: $0) } ?? text
            return found.filled(kept, isNumber: false)
        case "f": return try fixed(value, found)
        default:
            guard let number = value.number else {
                throw failure("'%\(letters)' needs a number, found \(described(value))")
            }
            guard found.precision == nil,
                let whole = Int(exactly: number.double.rounded(.towardZero))
            else { throw unsupported("the format '%\(letters)' of this number") }
            let exact = value.integer ?? whole
            return found.number(String(exact.magnitude), isNegative: exact < 0)
        }
    }

    private func cut(_ text: String, to count: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text.unicodeScalars.prefix(count))
        return String(view)
    }

    private func fixed(
        _ value: JinjaValue, _ found: PythonFormat.Specification
    ) throws(JinjaError) -> String {
        guard let number = value.number?.double, number.isFinite else {
            throw failure("the format 'f' needs a number, found \(described(value))")
        }
        try charge(400)
        let digits = PythonFormat.fixed(number.magnitude, found.precision ?? 6)
        return found.number(digits, isNegative: number.sign == .minus)
    }

    /// `text.format(…)`
    func braceFormatted(_ text: String, _ call: JinjaCall) throws(JinjaError) -> String {
        var rest = Array(text.unicodeScalars)[...]
        var result = ""
        var next = 0
        while let scalar = rest.popFirst() {
            if scalar == "{" || scalar == "}", rest.first == scalar {
                rest.removeFirst()
                result.unicodeScalars.append(scalar)
            } else if scalar == "{" {
                guard let end = rest.firstIndex(of: "}") else {
                    throw failure("'{' is not closed in 'format'")
                }
                var field = String.UnicodeScalarView()
                field.append(contentsOf: rest[..<end])
                rest = rest[(end + 1)...]
                let written = try braced(String(field), call, &next)
                try charge(written.utf8.count)
                result += written
            } else if scalar == "}" {
                throw failure("'}' is not opened in 'format'")
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        try charge(result.utf8.count)
        return result
    }

    private func braced(
        _ field: String, _ call: JinjaCall, _ next: inout Int
    ) throws(JinjaError) -> String {
        let parts = PythonText.split(field, by: ":", limit: 1, fromEnd: false)
        let names = PythonText.split(parts[0], by: "!", limit: 1, fromEnd: false)
        let name = names[0]
        guard name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }),
            let found = PythonFormat.Specification(parts.count > 1 ? parts[1] : "")
        else { throw unsupported("the field '{\(field)}' of 'format'") }
        let value: JinjaValue
        if name.isEmpty || name.allSatisfy(\.isNumber) {
            let place = name.isEmpty ? next : Int(name) ?? -1
            if name.isEmpty { next += 1 }
            guard call.positional.indices.contains(place) else {
                throw failure("'format' lacks a value for '{\(field)}'")
            }
            value = call.positional[place]
        } else {
            guard let keyword = call.keywords.first(where: { $0.name == name }) else {
                throw failure("'format' lacks a value for '{\(field)}'")
            }
            value = keyword.value
        }
        let conversion = names.count > 1 ? names[1] : ""
        if conversion.isEmpty {
            if found.type == "f" { return try fixed(value, found) }
            if case .bool = value {
            } else if let whole = value.integer,
                found.type == nil || found.type == "d", found.precision == nil
            {
                return found.number(String(whole.magnitude), isNegative: whole < 0)
            }
        }
        guard conversion.isEmpty || conversion == "s" || conversion == "r",
            found.type == nil || found.type == "s", !found.groups, found.sign == nil
        else { throw unsupported("the field '{\(field)}' of 'format'") }
        let isText = value.text != nil || !conversion.isEmpty
        guard isText || parts.count == 1 || parts[1].isEmpty else {
            throw unsupported("the field '{\(field)}' of 'format' for a \(value.typeName)")
        }
        guard let text = conversion == "r" ? value.pythonRepr : value.pythonText else {
            throw failure("a \(value.typeName) has no text of its own")
        }
        return found.filled(found.precision.map { cut(text, to: $0) } ?? text, isNumber: false)
    }
}
