import Files

/// The messages of a conversation as templates see them: objects with `role` and `content`, calls
/// under `tool_calls` as OpenAI writes them.
struct RenderedMessages {
    let messages: [JSONValue]
    /// How many of ``messages`` each message of the conversation has led to, with those before it.
    let counts: [Int]
    let tools: JSONValue?

    /// - Throws: ``RowProblem`` for tools or calls that are no JSON.
    init(
        _ conversation: [ConversationMessage], system: String, tools: String
    ) throws(RowProblem) {
        var messages: [JSONValue] = []
        var counts: [Int] = []
        if !system.isEmpty { messages.append(Self.message("system", system)) }
        for message in conversation {
            switch message.role {
            case .user: messages.append(Self.message("user", message.content))
            case .assistant:
                messages.append(Self.message("assistant", message.content, of: message))
            case .observation:
                let answers =
                    message.answers.isEmpty ? [ToolAnswer(message.content)] : message.answers
                messages += answers.map(Self.message)
            case .function: messages.append(try Self.calls(message))
            }
            counts.append(messages.count)
        }
        self.messages = messages
        self.counts = counts
        self.tools = try Self.tools(tools)
    }

    private static func message(
        _ role: String, _ content: String, of message: ConversationMessage? = nil
    ) -> JSONValue {
        var members: [JSONValue.Member] = [("role", .string(role)), ("content", .string(content))]
        if let thoughts = message?.thoughts, !thoughts.isEmpty {
            // transformers gives templates both names.
            members.append(("reasoning_content", .string(thoughts)))
            members.append(("thinking", .string(thoughts)))
        }
        return .object(members)
    }

    private static func message(_ answer: ToolAnswer) -> JSONValue {
        var members = message("tool", answer.text).members ?? []
        if let id = answer.callID { members.append(("tool_call_id", .string(id))) }
        if let name = answer.name { members.append(("name", .string(name))) }
        return .object(members)
    }

    /// A message that calls tools. Text around `<tool_call>` marks is its content.
    private static func calls(_ message: ConversationMessage) throws(RowProblem) -> JSONValue {
        let (pieces, spans) = message.content.separated(.toolCall)
        let texts = spans.isEmpty ? [message.content] : spans
        var calls: [JSONValue] = []
        for text in texts {
            for call in try ToolFormat.calls(in: text) {
                let function = JSONValue.object([
                    ("name", .string(call.name)), ("arguments", call.arguments),
                ])
                var members: [JSONValue.Member] = [
                    ("type", .string("function")), ("function", function),
                ]
                if calls.count < message.callIDs.count, let id = message.callIDs[calls.count] {
                    members.insert(("id", .string(id)), at: 0)
                }
                calls.append(.object(members))
            }
        }
        let around = spans.isEmpty ? "" : pieces.joined()
        let base = Self.message("assistant", message.text + around, of: message)
        var members = base.members ?? []
        members.append(("tool_calls", .array(calls)))
        return .object(members)
    }

    /// Tools with OpenAI's wrapping around each; `nil` where there are none.
    private static func tools(_ text: String) throws(RowProblem) -> JSONValue? {
        if text.isEmpty { return nil }
        let value: JSONValue
        do {
            value = try JSONValueReader.read(text)
        } catch {
            throw RowProblem(found: "tools: \(error.found)", expected: error.expected)
        }
        guard let list = value.array else {
            throw RowProblem(found: "tools: \(value.kind)", expected: "a list of tools")
        }
        if list.isEmpty { return nil }
        for tool in list where tool.members == nil {
            throw RowProblem(found: "tools: \(tool.kind)", expected: "an object for each tool")
        }
        return .array(
            list.map { tool in
                tool["type"]?.string == "function"
                    ? tool : .object([("type", .string("function")), ("function", tool)])
            })
    }
}
