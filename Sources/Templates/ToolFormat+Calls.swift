import Files

extension ToolFormat {
    /// The assistant's message that makes `calls`.
    package func text(of calls: [Call]) throws(RowProblem) -> String {
        switch self {
        case .standard:
            return calls.map { "Action: \($0.name)\nAction Input: \($0.arguments.text())" }
                .joined(separator: "\n")
        case .glm4:
            guard calls.count == 1 else {
                throw RowProblem(found: "\(calls.count) calls at once", expected: "one for GLM-4")
            }
            return "\(calls[0].name)\n\(calls[0].arguments.text())"
        case .llama3:
            let objects = calls.map { object($0, "parameters") }
            return (objects.count == 1 ? objects[0] : .array(objects)).text()
        case .mistral:
            return JSONValue.array(calls.map { object($0, "arguments") }).text()
        case .qwen, .ling:
            return calls.map { "<tool_call>\n\(object($0, "arguments").text())\n</tool_call>" }
                .joined(separator: "\n")
        case .minimax1:
            let lines = calls.map { object($0, "arguments").text() + "\n" }
            return "<tool_calls>\n\(lines.isEmpty ? "\n" : lines.joined())</tool_calls>"
        case .minimax2:
            return try each(
                calls, begin: { "<invoke name=\"\($0)\">" }, end: "\n</invoke>",
                argument: { "\n<parameter name=\"\($0)\">\($1)</parameter>" })
        case .qwen35:
            return try each(
                calls, begin: { "<tool_call>\n<function=\($0)>" },
                end: "\n</function>\n</tool_call>",
                argument: { "\n<parameter=\($0)>\n\($1)\n</parameter>" })
        case .glm4Moe:
            return try each(
                calls, begin: { "\n<tool_call>\($0)" }, end: "",
                argument: { "\n<arg_key>\($0)</arg_key>\n<arg_value>\($1)</arg_value>" })
        case .seedOSS:
            return try each(
                calls, begin: { "\n<seed:tool_call>\n<function=\($0)" },
                end: "\n</function>\n</seed:tool_call>",
                argument: { "\n<parameter=\($0)>\($1)</parameter>" })
        case .lfm2: return try python(calls)
        }
    }

    private func object(_ call: Call, _ key: String) -> JSONValue {
        .object([
            (key: "name", value: .string(call.name)), (key: key, value: call.arguments),
        ])
    }

    /// Calls with an element for each argument, text as it is and other values as JSON.
    private func each(
        _ calls: [Call], begin: (String) -> String, end: String,
        argument: (String, String) -> String
    ) throws(RowProblem) -> String {
        var texts: [String] = []
        for call in calls {
            let arguments = try members(of: call).map {
                argument($0.key, $0.value.string ?? $0.value.text())
            }
            texts.append(begin(call.name) + arguments.joined() + end)
        }
        return texts.joined(separator: "\n")
    }

    /// Calls as a list of Python's.
    private func python(_ calls: [Call]) throws(RowProblem) -> String {
        var texts: [String] = []
        for call in calls {
            let arguments = try members(of: call).map { member in
                "\(member.key)=" + (member.value.string.map { "\"\($0)\"" } ?? member.value.text())
            }
            texts.append("\(call.name)(\(arguments.joined(separator: ", ")))")
        }
        return "<|tool_call_start|>[\(texts.joined(separator: ", "))]<|tool_call_end|>"
    }

    private func members(of call: Call) throws(RowProblem) -> [JSONValue.Member] {
        guard let members = call.arguments.members else {
            throw RowProblem(
                found: "arguments of \(call.name): \(call.arguments.kind)",
                expected: "an object for tool format \(rawValue)")
        }
        return members
    }
}
