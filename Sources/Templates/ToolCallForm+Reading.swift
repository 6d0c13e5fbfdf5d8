import Files
import Foundation

extension ToolCallForm {
    typealias Found = (text: String, calls: [ToolCall])

    // MARK: Forms

    /// Calls between marks, which some formats leave open.
    static func marked(
        _ answer: String, _ begin: String, _ end: String, _ read: (String) -> [ToolCall]?
    ) -> Found? {
        guard let first = answer.range(of: begin, options: .literal) else { return nil }
        var calls: [ToolCall] = []
        var rest = answer[first.upperBound...]
        while true {
            let next = rest.range(of: begin, options: .literal)
            let part = rest[..<(next?.lowerBound ?? rest.endIndex)]
            let close = part.range(of: end, options: .literal)
            guard let some = read(String(part[..<(close?.lowerBound ?? part.endIndex)])) else {
                return nil
            }
            calls += some
            guard let next else { break }
            rest = rest[next.upperBound...]
        }
        return (trimmed(answer[..<first.lowerBound]), calls)
    }

    /// `Action: name`, `Action Input: {…}`, one call after another.
    static func actions(_ answer: String) -> Found? {
        let mark = "Action:"
        guard let first = answer.range(of: mark, options: .literal) else { return nil }
        var calls: [ToolCall] = []
        for part in answer[first.lowerBound...].components(separatedBy: mark).dropFirst() {
            guard let middle = part.range(of: "Action Input:", options: .literal) else {
                return nil
            }
            let quotes = CharacterSet(charactersIn: "\"`").union(.whitespacesAndNewlines)
            let input = String(part[middle.upperBound...]).trimmingCharacters(in: quotes)
            guard let arguments = object(input) else { return nil }
            calls.append(ToolCall(name: trimmed(part[..<middle.lowerBound]), arguments: arguments))
        }
        return (trimmed(answer[..<first.lowerBound]), calls)
    }

    /// A name on a line of its own, then the arguments.
    static func namedLine(_ answer: String) -> Found? {
        guard let line = answer.firstIndex(of: "\n"),
            let arguments = object(String(answer[line...]))
        else { return nil }
        return ("", [ToolCall(name: trimmed(answer[..<line]), arguments: arguments)])
    }

    /// The whole answer is a call or a list of them.
    static func bare(_ answer: String) -> Found? {
        var text = trimmed(answer[...])
        for mark in ["<|python_tag|>", "[TOOL_CALLS]"] where text.hasPrefix(mark) {
            text = trimmed(text.dropFirst(mark.count))
        }
        return objects(text).map { ("", $0) }
    }

    /// A model's own form, as the answer shows it.
    static func recognised(_ answer: String) -> Found? {
        guard answer.contains("<tool_call>") else { return bare(answer) }
        return marked(answer, "<tool_call>", "</tool_call>") {
            objects($0) ?? functions($0) ?? keyed($0)
        }
    }

    // MARK: Calls

    /// A call as JSON, or a list of them: a name, and arguments or parameters.
    static func objects(_ text: String) -> [ToolCall]? {
        guard let value = try? JSONValueReader.read(text) else { return nil }
        var calls: [ToolCall] = []
        for call in value.array ?? [value] {
            let arguments = call["arguments"] ?? call["parameters"] ?? .object([])
            guard let name = call["name"]?.string,
                let written = arguments.string.flatMap(object)
                    ?? (arguments.members == nil ? nil : arguments.text())
            else { return nil }
            calls.append(ToolCall(name: name, arguments: written))
        }
        return calls
    }

    /// A call a line.
    static func lines(_ text: String) -> [ToolCall]? {
        var calls: [ToolCall] = []
        for line in text.split(whereSeparator: \.isNewline) where !trimmed(line).isEmpty {
            guard let some = objects(String(line)) else { return nil }
            calls += some
        }
        return calls
    }

    /// `<function=name>` and `<parameter=key>value</parameter>`.
    static func functions(_ text: String) -> [ToolCall]? {
        guard let begin = text.range(of: "<function=", options: .literal) else { return nil }
        let rest = text[begin.upperBound...]
        // Seed writes the name without the mark's end.
        guard let end = rest.firstIndex(where: { $0 == ">" || $0 == "\n" }) else { return nil }
        let pairs = elements(rest[end...], "<parameter=", ">", "</parameter>")
        return [ToolCall(name: trimmed(rest[..<end]), arguments: arguments(pairs))]
    }

    /// A name, then `<arg_key>` and `<arg_value>`.
    static func keyed(_ text: String) -> [ToolCall]? {
        let end = text.range(of: "<arg_key>", options: .literal)?.lowerBound ?? text.endIndex
        let name = trimmed(text[..<end])
        guard !name.isEmpty, !name.contains("{") else { return nil }
        let pairs = elements(
            text[end...], "<arg_key>", "</arg_key>", "</arg_value>"
        ).map { pair in
            (pair.key, pair.value.replacing("<arg_value>"[...], literally: ""))
        }
        return [ToolCall(name: name, arguments: arguments(pairs))]
    }

    /// What follows `<invoke name="`.
    static func invoked(_ text: String) -> [ToolCall]? {
        guard let end = text.range(of: "\">", options: .literal) else { return nil }
        let pairs = elements(
            text[end.upperBound...], "<parameter name=\"", "\">", "</parameter>")
        return [
            ToolCall(name: trimmed(text[..<end.lowerBound]), arguments: arguments(pairs))
        ]
    }

    // MARK: Parts

    private static func trimmed(_ text: Substring) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// JSON text of an object as Python writes it; `nil` where it is none.
    private static func object(_ text: String) -> String? {
        guard let value = try? JSONValueReader.read(text), value.members != nil else { return nil }
        return value.text()
    }

    /// Keys and values between marks, one after another.
    private static func elements(
        _ text: Substring, _ begin: String, _ middle: String, _ end: String
    ) -> [(key: String, value: String)] {
        var (found, rest): ([(key: String, value: String)], Substring) = ([], text)
        while let open = rest.range(of: begin, options: .literal),
            let parts = rest[open.upperBound...].range(of: middle, options: .literal),
            let close = rest[parts.upperBound...].range(of: end, options: .literal)
        {
            found.append(
                (
                    trimmed(rest[open.upperBound..<parts.lowerBound]),
                    trimmed(rest[parts.upperBound..<close.lowerBound])
                ))
            rest = rest[close.upperBound...]
        }
        return found
    }

    /// An object whose values are JSON where they read as such, else text.
    private static func arguments(_ pairs: [(key: String, value: String)]) -> String {
        let members = pairs.map { pair in
            (key: pair.key, value: (try? JSONValueReader.read(pair.value)) ?? .string(pair.value))
        }
        return JSONValue.object(members).text()
    }
}
