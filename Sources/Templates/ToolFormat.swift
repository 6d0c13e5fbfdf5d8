package import Files

/// How tools are described to a model and how it writes its calls, by LLaMA-Factory's names.
///
/// Source: LLaMA-Factory 0.9.5's tool formats. Two of them leave calls open: glm4_moe without
/// `</tool_call>`, minimax2 without `<minimax:tool_call>`; both stay as they are there.
package enum ToolFormat: String, Sendable, CaseIterable {
    case standard = "default"
    case glm4, llama3, lfm2, minimax1, minimax2, mistral, qwen
    case qwen35 = "qwen3_5"
    case glm4Moe = "glm4_moe"
    case seedOSS = "seed_oss"
    case ling

    /// A call of a tool.
    package struct Call: Equatable {
        package let name: String
        package let arguments: JSONValue

        package init(name: String, arguments: JSONValue) {
            self.name = name
            self.arguments = arguments
        }
    }

    /// The text that follows the system prompt; empty for an empty list.
    ///
    /// - Parameters:
    ///   - tools: a JSON list of tools as text
    ///   - date: what Llama 3 is told today is, as `23 Nov 2026`
    func description(of tools: String, date: String) throws(RowProblem) -> String {
        let value: JSONValue
        do {
            value = try JSONValueReader.read(tools)
        } catch {
            throw RowProblem(found: "tools: \(error.found)", expected: error.expected)
        }
        guard let list = value.array else {
            throw RowProblem(found: "tools: \(value.kind)", expected: "a list of tools")
        }
        if list.isEmpty { return "" }
        for tool in list where tool.members == nil {
            throw RowProblem(found: "tools: \(tool.kind)", expected: "an object for each tool")
        }
        return try description(ofList: list, date: date)
    }

    /// Reads one call or a list of them from a message of JSON.
    ///
    /// Arguments may be JSON text, as OpenAI's interface gives them; the object that the text is
    /// stands for it then, and no text stands for no arguments.
    static func calls(in text: String) throws(RowProblem) -> [Call] {
        let value = try parsed(text)
        var calls: [Call] = []
        for call in value.array ?? [value] {
            guard let name = call["name"]?.string, let arguments = call.member("arguments") else {
                throw RowProblem(
                    found: "function call: \(call.kind)",
                    expected: "an object with \"name\" and \"arguments\"")
            }
            calls.append(Call(name: name, arguments: try object(arguments, of: name)))
        }
        return calls
    }

    /// Whether a call in a message of JSON has its arguments as JSON text.
    static func hasArgumentsAsText(_ text: String) -> Bool {
        guard let value = try? parsed(text) else { return false }
        return (value.array ?? [value]).contains { $0["arguments"]?.string != nil }
    }

    private static func parsed(_ text: String) throws(RowProblem) -> JSONValue {
        do {
            return try JSONValueReader.read(text)
        } catch {
            throw RowProblem(found: "function call: \(error.found)", expected: error.expected)
        }
    }

    /// Arguments as a value, where they are JSON text.
    private static func object(
        _ arguments: JSONValue, of name: String
    ) throws(RowProblem) -> JSONValue {
        guard let text = arguments.string else { return arguments }
        if text.allSatisfy(\.isWhitespace) { return .object([]) }
        let found = "arguments of \(name): text \"\(JSONValue.shortened(text))\""
        let value: JSONValue
        do {
            value = try JSONValueReader.read(text)
        } catch {
            throw RowProblem(
                found: "\(found), which is no JSON (\(error.found))",
                expected: "a JSON object, or the text of one")
        }
        guard value.members != nil else {
            throw RowProblem(found: found, expected: "a JSON object, or the text of one")
        }
        return value
    }

    // MARK: Tools

    /// The tool with OpenAI's wrapping around it.
    func wrapped(_ tool: JSONValue) -> JSONValue {
        if tool["type"]?.string == "function" { return tool }
        return .object([
            (key: "type", value: .string("function")), (key: "function", value: tool),
        ])
    }

    /// The tool without OpenAI's wrapping.
    func unwrapped(_ tool: JSONValue) throws(RowProblem) -> (name: String, tool: JSONValue) {
        let inner = try content(of: tool)
        guard let name = inner["name"] else {
            throw RowProblem(found: "a tool without name", expected: "\"name\" in each tool")
        }
        return (name.pythonText, inner)
    }

    /// The tool without OpenAI's wrapping, whatever it holds.
    func content(of tool: JSONValue) throws(RowProblem) -> JSONValue {
        guard tool["type"]?.string == "function" else { return tool }
        guard let inner = tool["function"] else {
            throw RowProblem(
                found: "a tool of type function without \"function\"",
                expected: "\"function\" in each tool")
        }
        return inner
    }
}
