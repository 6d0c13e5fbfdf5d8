import Files

extension ToolFormat {
    /// The text that describes a list of tools, which is not empty.
    func description(ofList list: [JSONValue], date: String) throws(RowProblem) -> String {
        switch self {
        case .standard: return try standardDescription(list)
        case .glm4: return try glm4Description(list)
        case .llama3:
            let texts = list.map { wrapped($0).text(indent: 4) + "\n\n" }
            return Self.llama3Prompt(date) + texts.joined()
        case .mistral:
            let text = JSONValue.array(list.map(wrapped)).text()
            return "[AVAILABLE_TOOLS] \(text)[/AVAILABLE_TOOLS]"
        case .qwen: return inTags(list.map(wrapped), Self.qwenPrompt)
        case .qwen35: return inTags(try contents(of: list), Self.qwen35Prompt)
        case .glm4Moe: return inTags(list.map(wrapped), Self.glm4MoePrompt)
        case .ling:
            // Ling is told that it is not to think by a line after its tools.
            return inTags(list.map(wrapped), Self.lingPrompt) + "\ndetailed thinking off"
        case .minimax1:
            let texts = try contents(of: list).map { $0.text() + "\n" }
            return Self.minimax1Prompt.begin + texts.joined() + Self.minimax1Prompt.end
        case .minimax2:
            let texts = try contents(of: list).map { "<tool>\($0.text())</tool>\n" }
            return Self.minimax2Prompt.begin + texts.joined() + Self.minimax2Prompt.end
        case .seedOSS:
            return Self.seedPrompt.begin + "\n" + JSONValue.array(list).text()
                + Self.seedPrompt.end
        case .lfm2:
            let text = JSONValue.array(try contents(of: list)).text()
            return "List of tools: <|tool_list_start|>\(text)<|tool_list_end|>"
        }
    }

    private func inTags(_ tools: [JSONValue], _ prompt: (begin: String, end: String)) -> String {
        prompt.begin + tools.map { "\n" + $0.text() }.joined() + prompt.end
    }

    private func contents(of list: [JSONValue]) throws(RowProblem) -> [JSONValue] {
        var contents: [JSONValue] = []
        for tool in list { contents.append(try content(of: tool)) }
        return contents
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
}
