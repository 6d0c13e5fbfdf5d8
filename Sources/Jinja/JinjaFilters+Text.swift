import Files

extension JinjaRenderer {
    /// The value of a filter that works on text; `nil` where the name is another's.
    func textFilter(
        _ name: String, _ value: JinjaValue, _ call: JinjaCall
    ) throws(JinjaError) -> JinjaValue? {
        func whole() throws(JinjaError) -> String {
            if case .markup = value { throw unsupported("'\(name)' of escaped text") }
            return try text(of: value)
        }
        switch name {
        case "upper", "lower", "capitalize", "title", "wordcount":
            _ = try bound(call, of: name)
            let text = try whole()
            try charge(4 * text.utf8.count)
            switch name {
            case "upper": return .string(PythonText.uppercased(text))
            case "lower": return .string(PythonText.lowercased(text))
            case "capitalize": return .string(PythonText.capitalized(text))
            case "title": return .string(Self.titled(text))
            default: return .int(Self.wordCount(text))
            }
        case "trim":
            let characters = try bound(call, of: name, "chars")[0]
            let text = try whole()
            try charge(text.utf8.count)
            return .string(
                PythonText.stripped(
                    text, of: try optionalText(characters, of: name), start: true, end: true))
        case "replace":
            let arguments = try bound(call, of: name, "old", "new", "count")
            let old = try text(of: try required(arguments[0], of: name))
            let new = try text(of: try required(arguments[1], of: name))
            var count = -1
            if let limit = arguments[2], limit.typeName != "NoneType" {
                count = try integer(limit, of: name, otherwise: -1)
            }
            return .string(try replaced(try text(of: value), old, new, count))
        case "regex_replace": return .string(try patternReplaced(try whole(), call))
        case "indent": return .string(try indented(try whole(), call))
        case "format":
            let text = try whole()
            guard call.keywords.isEmpty || call.positional.isEmpty else {
                throw failure("'format' with arguments with and without names")
            }
            if call.keywords.isEmpty {
                return .string(
                    try percentFormatted(text, call.positional, whole: .tuple(call.positional)))
            }
            let dictionary = JinjaDictionary()
            for keyword in call.keywords { dictionary.set(.string(keyword.name), keyword.value) }
            return .string(try percentFormatted(text, [], whole: .dictionary(dictionary)))
        case "center":
            let width = try integer(
                try bound(call, of: name, "width")[0], of: name, otherwise: 80)
            return .string(try justified(try whole(), width, " ", .center))
        case "truncate": return .string(try truncated(try whole(), call))
        default: return nil
        }
    }

    /// An argument of text that may be none.
    func optionalText(
        _ value: JinjaValue?, of function: String
    ) throws(JinjaError) -> String? {
        guard let value, value.typeName != "NoneType" else { return nil }
        return try text(value, of: function)
    }

    func replaced(
        _ text: String, _ old: String, _ new: String, _ count: Int
    ) throws(JinjaError) -> String {
        let found = min(
            PythonText.count(old, in: text), count < 0 ? .max : count)
        let (growth, overflow) = found.multipliedReportingOverflow(by: new.utf8.count)
        try charge(overflow ? .max : text.utf8.count)
        try charge(growth)
        return PythonText.replacing(old, in: text, with: new, count: count)
    }

    /// Jinja's own title case: words begin after a space, a hyphen or an opening bracket.
    private static func titled(_ text: String) -> String {
        var parts: [[Unicode.Scalar]] = []
        var wasBreak: Bool?
        for scalar in text.unicodeScalars {
            let isBreak = scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar)
            if isBreak == wasBreak, !parts.isEmpty {
                parts[parts.count - 1].append(scalar)
            } else {
                parts.append([scalar])
            }
            wasBreak = isBreak
        }
        return parts.map { part in
            var rest = String.UnicodeScalarView()
            rest.append(contentsOf: part.dropFirst())
            return PythonText.uppercased(String(part[0])) + PythonText.lowercased(String(rest))
        }.joined()
    }

    private static func wordCount(_ text: String) -> Int {
        var (count, isInside) = (0, false)
        for scalar in text.unicodeScalars {
            let isWord =
                PythonText.isAlpha(scalar) || PythonText.isNumeric(scalar) || scalar == "_"
            if isWord, !isInside { count += 1 }
            isInside = isWord
        }
        return count
    }

    private func indented(_ text: String, _ call: JinjaCall) throws(JinjaError) -> String {
        let arguments = try bound(call, of: "indent", "width", "first", "blank")
        let indention: String
        if let text = arguments[0]?.text {
            indention = text
        } else {
            indention = try repeated(
                " ", try integer(arguments[0], of: "indent", otherwise: 4))
        }
        try hold(text.unicodeScalars.count(where: PythonText.endsLine) + 1)
        let lines = PythonText.lines(text + "\n")
        try charge(text.utf8.count)
        let (growth, overflow) = indention.utf8.count.multipliedReportingOverflow(by: lines.count)
        try charge(overflow ? .max : growth)
        let indentsBlank = arguments[2]?.isTrue ?? false
        var result = lines.first ?? ""
        for line in lines.dropFirst() {
            result += "\n" + (indentsBlank || !line.isEmpty ? indention : "") + line
        }
        return arguments[1]?.isTrue ?? false ? indention + result : result
    }

    private func truncated(_ text: String, _ call: JinjaCall) throws(JinjaError) -> String {
        let arguments = try bound(call, of: "truncate", "length", "killwords", "end", "leeway")
        let length = try integer(arguments[0], of: "truncate", otherwise: 255)
        let end = try self.text(arguments[2], of: "truncate", otherwise: "...")
        let leeway = try integer(arguments[3], of: "truncate", otherwise: 5)
        try charge(4 * text.utf8.count)
        let scalars = Array(text.unicodeScalars)
        let endCount = end.unicodeScalars.count
        guard length >= endCount, leeway >= 0, length < 1 << 40, leeway < 1 << 40 else {
            throw failure("'truncate' to length \(length) with leeway \(leeway)")
        }
        try charge(text.utf8.count)
        if scalars.count <= length + leeway { return text }
        var kept = String.UnicodeScalarView()
        kept.append(contentsOf: scalars.prefix(length - endCount))
        if arguments[1]?.isTrue ?? false { return String(kept) + end }
        return PythonText.split(String(kept), by: " ", limit: 1, fromEnd: true)[0] + end
    }

    enum Justification {
        case left, center, right
    }

    /// Text filled up to a width.
    func justified(
        _ text: String, _ width: Int, _ fill: String, _ side: Justification
    ) throws(JinjaError) -> String {
        let count = text.unicodeScalars.count
        guard width > count else { return text }
        try charge(text.utf8.count)
        let space = width - count
        let left =
            switch side {
            case .left: 0
            case .right: space
            // Where the space is odd, Python puts more before a text of even length.
            case .center: space / 2 + (space & width & 1)
            }
        return try repeated(fill, left) + text + repeated(fill, space - left)
    }

    /// lm-evaluation-harness's filter: `re.sub(pattern, repl, text, count=count)`.
    private func patternReplaced(
        _ text: String, _ call: JinjaCall
    ) throws(JinjaError) -> String {
        let arguments = try bound(call, of: "regex_replace", "pattern", "repl", "count")
        let source = try self.text(of: try required(arguments[0], of: "regex_replace"))
        let replacement = try self.text(of: try required(arguments[1], of: "regex_replace"))
        guard isStrict else {
            throw failure("there is no filter 'regex_replace' in chat templates")
        }
        guard let pattern = PythonPattern(source) else {
            throw unsupported("the pattern '\(source)'")
        }
        try charge(4 * text.utf8.count)
        return pattern.replacing(
            in: text, with: replacement,
            count: max(0, try integer(arguments[2], of: "regex_replace", otherwise: 0)))
    }
}
