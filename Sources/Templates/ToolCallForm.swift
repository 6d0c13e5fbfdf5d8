import Files

/// A call of a tool that a model has written.
package struct ToolCall: Sendable, Equatable {
    package let name: String
    /// A JSON object as text.
    package let arguments: String

    package init(name: String, arguments: String) {
        self.name = name
        self.arguments = arguments
    }
}

/// How a model's answer shows that it calls tools, and which.
///
/// Source: the tool extractors of LLaMA-Factory 0.9.5; text before the calls is kept here.
package struct ToolCallForm: Sendable {
    /// `nil` for a model's own template, whose form the answer itself shows.
    private let format: ToolFormat?

    /// - Parameter format: what wrote the conversation.
    package init(of format: any ConversationFormat) {
        self.format = (format as? ChatTemplate)?.toolFormat
    }

    /// - Parameter format: `nil` for a model's own template.
    package init(_ format: ToolFormat?) { self.format = format }

    /// Texts that calls begin with. An empty one: any answer may be a call until it is whole.
    package var marks: [String] {
        switch format {
        case .standard?: ["Action:"]
        case .glm4?: [""]
        case .llama3?, .mistral?: ["{", "[", "<|python_tag|>"]
        case .qwen?, .ling?, .qwen35?, .glm4Moe?: ["<tool_call>"]
        case .minimax1?: ["<tool_calls>"]
        case .minimax2?: ["<minimax:tool_call>", "<invoke"]
        case .seedOSS?: ["<seed:tool_call>"]
        case .lfm2?: ["<|tool_call_start|>"]
        case nil: ["<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "{", "[{"]
        }
    }

    /// Whether calls of this form are read; a list of Python's is not.
    package var isRead: Bool { format != .lfm2 }

    /// Whether one of ``marks`` counts only where the answer begins with it.
    package func countsAtTheBeginning(_ mark: String) -> Bool { ["{", "[", "[{"].contains(mark) }

    /// The calls of a whole answer and the text before them; `nil` where it makes none.
    package func calls(in answer: String) -> (text: String, calls: [ToolCall])? {
        let found: (text: String, calls: [ToolCall])? =
            switch format {
            case .standard?: Self.actions(answer)
            case .glm4?: Self.namedLine(answer)
            case .llama3?, .mistral?: Self.bare(answer)
            case .qwen?, .ling?: Self.marked(answer, "<tool_call>", "</tool_call>", Self.objects)
            case .qwen35?: Self.marked(answer, "<tool_call>", "</tool_call>", Self.functions)
            case .glm4Moe?: Self.marked(answer, "<tool_call>", "</tool_call>", Self.keyed)
            case .minimax1?: Self.marked(answer, "<tool_calls>", "</tool_calls>", Self.lines)
            case .minimax2?:
                Self.marked(answer, "<invoke name=\"", "</invoke>") { Self.invoked($0) }
            case .seedOSS?:
                Self.marked(answer, "<seed:tool_call>", "</seed:tool_call>", Self.functions)
            case .lfm2?: nil
            case nil: Self.recognised(answer)
            }
        guard let found, !found.calls.isEmpty else { return nil }
        return found
    }

    /// What stands around the arguments in a call of a tool, for answers that have to be one; `nil`
    /// where arguments are not written as JSON.
    package func around(_ tool: String) -> (before: String, after: String)? {
        let name = JSONValue.string(tool).text()
        switch format {
        case .standard?: return ("Action: \(tool)\nAction Input: ", "")
        case .glm4?: return ("\(tool)\n", "")
        case .llama3?: return ("{\"name\": \(name), \"parameters\": ", "}")
        case .mistral?: return ("[{\"name\": \(name), \"arguments\": ", "}]")
        case .qwen?, .ling?, nil:
            return ("<tool_call>\n{\"name\": \(name), \"arguments\": ", "}\n</tool_call>")
        case .minimax1?:
            return ("<tool_calls>\n{\"name\": \(name), \"arguments\": ", "}\n</tool_calls>")
        case .qwen35?, .glm4Moe?, .seedOSS?, .minimax2?, .lfm2?: return nil
        }
    }
}
