import Files

/// How tools are described to a model and how it writes its calls, by LLaMA-Factory's names.
package enum ToolFormat: String, Sendable, CaseIterable {
    case standard = "default"
    case glm4, llama3, mistral, qwen

    /// A call of a tool.
    struct Call: Equatable {
        let name: String
        let arguments: JSONValue
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
        switch self {
        case .standard: return try standardDescription(list)
        case .glm4: return try glm4Description(list)
        case .llama3:
            let texts = list.map { wrapped($0).text(indent: 4) + "\n\n" }
            return Self.llama3Prompt(date) + texts.joined()
        case .mistral:
            let text = JSONValue.array(list.map(wrapped)).text()
            return "[AVAILABLE_TOOLS] \(text)[/AVAILABLE_TOOLS]"
        case .qwen:
            let texts = list.map { "\n" + wrapped($0).text() }
            return Self.qwenPrompt.begin + texts.joined() + Self.qwenPrompt.end
        }
    }

    /// The assistant's message that makes `calls`.
    func text(of calls: [Call]) throws(RowProblem) -> String {
        func object(_ call: Call, _ key: String) -> JSONValue {
            .object([
                (key: "name", value: .string(call.name)),
                (key: key, value: call.arguments),
            ])
        }
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
        case .qwen:
            return calls.map { "<tool_call>\n\(object($0, "arguments").text())\n</tool_call>" }
                .joined(separator: "\n")
        }
    }

    /// Reads one call or a list of them from a message of JSON.
    static func calls(in text: String) throws(RowProblem) -> [Call] {
        let value: JSONValue
        do {
            value = try JSONValueReader.read(text)
        } catch {
            throw RowProblem(found: "function call: \(error.found)", expected: error.expected)
        }
        var calls: [Call] = []
        for call in value.array ?? [value] {
            guard let name = call["name"]?.string, let arguments = call.member("arguments") else {
                throw RowProblem(
                    found: "function call: \(call.kind)",
                    expected: "an object with \"name\" and \"arguments\"")
            }
            calls.append(Call(name: name, arguments: arguments))
        }
        return calls
    }

    // MARK: Descriptions

    /// The tool with OpenAI's wrapping around it.
    private func wrapped(_ tool: JSONValue) -> JSONValue {
        if tool["type"]?.string == "function" { return tool }
        return .object([
            (key: "type", value: .string("function")), (key: "function", value: tool),
        ])
    }

    /// The tool without OpenAI's wrapping.
    private func unwrapped(_ tool: JSONValue) throws(RowProblem) -> (name: String, tool: JSONValue)
    {
        let inner = tool["type"]?.string == "function" ? tool["function"] : tool
        guard let inner, let name = inner["name"] else {
            throw RowProblem(found: "a tool without name", expected: "\"name\" in each tool")
        }
        return (name.pythonText, inner)
    }

    private func glm4Description(_ tools: [JSONValue]) throws(RowProblem) -> String {
        var text = Self.glm4Prompt
        for tool in tools {
            let (name, inner) = try unwrapped(tool)
            text += "\n\n## \(name)\n\n\(inner.text(indent: 4))\n在调用上述函数时，"
            text += "请使用 Json 格式表示调用的参数。"
        }
        return text
    }

    private func standardDescription(_ tools: [JSONValue]) throws(RowProblem) -> String {
        var text = "You have access to the following tools:\n"
        var names: [String] = []
        for tool in tools {
            let (name, inner) = try unwrapped(tool)
            guard let parameters = inner["parameters"],
                let properties = parameters["properties"]?.members
            else {
                throw RowProblem(
                    found: "tool \(name) without parameters",
                    expected: "\"parameters\" with \"properties\"")
            }
            let required = parameters["required"]?.array ?? []
            text += "> Tool Name: \(name)\n"
            text += "Tool Description: \(Self.field("description", of: inner))\nTool Args:\n"
            for property in properties {
                text += Self.line(
                    property, isRequired: required.contains(.string(property.key)))
            }
            text += "\n"
            names.append(name)
        }
        return text + Self.standardPrompt(names)
    }

    /// One argument of a tool, as the default format lists it.
    private static func line(_ property: JSONValue.Member, isRequired: Bool) -> String {
        let value = property.value
        var line = "  - \(property.key) (\(field("type", of: value))"
        line += isRequired ? ", required): " : "): "
        line += field("description", of: value)
        if let choices = value["enum"], !choices.isFalse {
            let texts = choices.array?.map(\.pythonText) ?? [choices.pythonText]
            line += ", should be one of [\(texts.joined(separator: ", "))]"
        }
        if let items = value["items"], !items.isFalse {
            line += ", where each item should be \(field("type", of: items))"
        }
        return line + "\n"
    }

    /// A member as text; empty where it is absent.
    private static func field(_ key: String, of value: JSONValue) -> String {
        value.member(key)?.pythonText ?? ""
    }

    // MARK: Prompts, as the models were trained with

    private static func standardPrompt(_ names: [String]) -> String {
        """
        Use the following format if using a tool:
        ```
        Action: tool name (one of [\(names.joined(separator: ", "))])
        Action Input: the input to the tool, in a JSON format representing the kwargs \
        (e.g. ```{"input": "hello world", "num_beams": 5}```)
        ```

        """
    }

    private static let glm4Prompt = """
        你是一个名为 ChatGLM 的人工智能助手。你是基于智谱 AI 公司训练的语言模型 GLM-4 模型开发的，\
        你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n# 可用工具
        """

    private static func llama3Prompt(_ date: String) -> String {
        """
        Cutting Knowledge Date: December 2023
        Today Date: \(date)

        You have access to the following functions. To call a function, please respond with JSON \
        for a function call. Respond in the format {"name": function name, "parameters": \
        dictionary of argument name and its value}. Do not use variables.\n\n
        """
    }

    private static let qwenPrompt = (
        begin: """
        \n\n# Tools

        You may call one or more functions to assist with the user query.

        You are provided with function signatures within <tools></tools> XML tags:
        <tools>
        """,
        end: """
        \n</tools>

        For each function call, return a json object with function name and arguments within \
        <tool_call></tool_call> XML tags:
        <tool_call>
        {"name": <function-name>, "arguments": <args-json-object>}
        </tool_call>
        """
    )
}
