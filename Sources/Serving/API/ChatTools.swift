import Files
import Generation
import Templates

/// The tools that a chat request brings, and whether they are to be called.
struct ChatTools: Sendable {
    /// The list as templates take it; empty for no tools.
    let text: String
    /// How calls are read from answers; `nil` where none are.
    let form: ToolCallForm?
    /// Whether more calls than one may be made.
    let isParallel: Bool
    /// What answers have to be, where a call is required.
    let grammar: Grammar?

    /// - Throws: ``ServerProblem`` for tools that are not described, or a choice that cannot be made.
    init(
        _ fields: RequestFields, _ encoder: any ConversationEncoding
    ) throws(ServerProblem) {
        isParallel = try fields.boolean("parallel_tool_calls") ?? true
        let tools = fields["tools"]?.array ?? []
        let choice = fields["tool_choice"]
        if let value = fields["tools"], value.array == nil {
            throw fields.problem("tools", value, "a list of tools")
        }
        for (index, tool) in tools.enumerated() {
            guard tool["type"]?.string == "function", tool["function"]?["name"]?.string != nil
            else {
                throw fields.problem(
                    "tools", tool, "type: function and function: {name, …} in tools[\(index)]")
            }
        }
        let names = tools.compactMap { $0["function"]?["name"]?.string }
        if choice?.string == "none" || tools.isEmpty {
            if let choice, choice.string != "none", choice.string != "auto" {
                throw fields.problem("tool_choice", choice, "none or auto where there are no tools")
            }
            (text, form, grammar) = ("", nil, nil)
            return
        }
        let form = ToolCallForm(of: encoder.format)
        guard form.isRead else {
            throw .invalid(
                "tools: calls as the template \(encoder.format.name) writes them are not read; "
                    + "serve the model with another tool_format", param: "tools")
        }
        text = JSONValue.array(tools).text()
        self.form = form
        switch choice {
        case nil, .string("auto")?: grammar = nil
        case .string("required")?: grammar = try Self.grammar(tools, form)
        default:
            guard let name = choice?["function"]?["name"]?.string, names.contains(name) else {
                throw fields.problem(
                    "tool_choice", choice, "none, auto, required, or a function of tools by name")
            }
            grammar = try Self.grammar(
                tools.filter { $0["function"]?["name"]?.string == name }, form)
        }
    }

    /// The grammar of one call of any of some tools.
    private static func grammar(
        _ tools: [JSONValue], _ form: ToolCallForm
    ) throws(ServerProblem) -> Grammar {
        var parts: [SchemaGrammar.Part] = []
        for tool in tools {
            let name = tool["function"]?["name"]?.string ?? ""
            guard let around = form.around(name) else {
                throw .invalid(
                    "tool_choice: a call cannot be required of a template that does not write "
                        + "arguments as JSON; choose auto", param: "tool_choice")
            }
            parts.append(
                SchemaGrammar.Part(
                    before: around.before,
                    schema: tool["function"]?["parameters"]
                        ?? .object([("type", .string("object"))]),
                    after: around.after))
        }
        return try ResponseFormat.grammar(of: parts, "tools")
    }

    /// The calls of a whole answer and the text before them; `nil` where it makes none.
    func calls(in answer: String) -> (text: String, calls: [ToolCall])? {
        guard let found = form?.calls(in: answer) else { return nil }
        return isParallel ? found : (found.text, Array(found.calls.prefix(1)))
    }
}
