import Files
import Templates
import Testing

@Suite struct ToolCallFormTests {
    private static let calls = [
        ToolFormat.Call(
            name: "weather",
            arguments: .object([("city", .string("Köln \"am Rhein\"")), ("days", .int(3))])),
        ToolFormat.Call(name: "now", arguments: .object([])),
    ]

    /// Forms whose calls are read, with the number of calls that they write at once.
    private static let forms: [(ToolFormat, Int)] = ToolFormat.allCases.compactMap {
        switch $0 {
        case .lfm2: nil
        case .glm4: ($0, 1)
        default: ($0, 2)
        }
    }

    // What each format writes is read back as what was written.
    @Test(arguments: forms)
    func whatIsWrittenIsRead(format: ToolFormat, count: Int) throws {
        let calls = Array(Self.calls.prefix(count))
        let text = try format.text(of: calls)
        let found = try #require(ToolCallForm(format).calls(in: text), "\(format): \(text)")
        let expected = calls.map { ToolCall(name: $0.name, arguments: $0.arguments.text()) }
        #expect(found.calls == expected, "\(format)")
        #expect(found.text.isEmpty)
        let mark = ToolCallForm(format).marks.first { $0.isEmpty || text.contains($0) }
        #expect(mark != nil, "\(format) is held back from its beginning on")
    }

    @Test(arguments: forms)
    func anAnswerWithoutCallsHasNone(format: ToolFormat, count: Int) {
        for text in ["", "It rains.", "a {b} c", "<tool_call", "Action: none", "{\"name\": 1}"] {
            #expect(ToolCallForm(format).calls(in: text) == nil, "\(format): \(text)")
        }
    }

    @Test func textBeforeCallsStays() throws {
        let text = "Let me see.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"
        for form in [ToolCallForm(ToolFormat.qwen), ToolCallForm(nil as ToolFormat?)] {
            let found = try #require(form.calls(in: text))
            #expect(found.text == "Let me see.")
            #expect(found.calls == [ToolCall(name: "now", arguments: "{}")])
        }
    }

    @Test(arguments: [
        "{\"name\": \"f\", \"parameters\": {\"a\": 1}}",
        "[{\"name\": \"f\", \"arguments\": {\"a\": 1}}]",
        "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": 1}}]",
        "<tool_call>\n{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
    ])
    func aModelsOwnFormIsRecognised(text: String) throws {
        let found = try #require(ToolCallForm(nil as ToolFormat?).calls(in: text))
        #expect(found.calls == [ToolCall(name: "f", arguments: "{\"a\": 1}")])
    }

    // What an answer that has to be a call is made of is read as that call.
    @Test(arguments: ToolFormat.allCases)
    func aRequiredCallIsRead(format: ToolFormat) throws {
        let form = ToolCallForm(format)
        guard let around = form.around("f") else { return }
        let found = form.calls(in: around.before + "{\"a\": [1, \"}\"]}" + around.after)
        #expect(found?.calls == [ToolCall(name: "f", arguments: "{\"a\": [1, \"}\"]}")])
    }
}
