import Files
import Templates
import Testing

/// Conversations written with a model's own template.
@Suite struct RenderedTemplateTests {
    private let fixtures = RenderedFixtures()
    private static let tools = #"[{"name": "rain", "parameters": {"type": "object"}}]"#

    @Test func tokensOfAModelsOwnKindAreKnownToItsTemplate() throws {
        let template = try #require(
            try RenderedTemplate(files: [
                "chat_template.jinja":
                    "{{ bos_token }}|{{ image_token }}|{{ audio_token }}|{{ eot_token }}",
                "tokenizer_config.json":
                    #"{"bos_token": "<s>", "image_token": {"content": "<img>"}, "#
                    + #""eot_token": "<e>", "extra_special_tokens": {"audio_token": "<a>"}}"#,
            ]))
        let request = RenderedTemplate.Request(messages: [], tools: nil, asksForAnswer: false)
        #expect(try template.render(request).text == "<s>|<img>|<a>|<e>")
    }

    /// As transformers saves several: the one for tools is taken where there are some.
    @Test func templatesOfTheFolderBesideAreKnownByName() throws {
        let template = try #require(
            try RenderedTemplate(files: [
                "chat_template.jinja": "plain", "additional_chat_templates/tool_use.jinja": "tools",
            ]))
        let tools = try JSONValueReader.read(Self.tools)
        for (given, text) in [(nil, "plain"), (tools, "tools")] as [(JSONValue?, String)] {
            let request = RenderedTemplate.Request(messages: [], tools: given, asksForAnswer: false)
            #expect(try template.render(request).text == text)
        }
    }

    @Test func idsEqualTransformersForAllTemplatesAndConversations() throws {
        let tokenizer = try fixtures.tokenizer()
        let conversations = try fixtures.text("conversations.jsonl").split(separator: "\n").map {
            try JSONValueReader.read(String($0))
        }
        var templates: [String: RenderedTemplate] = [:]
        var compared = 0
        for row in try fixtures.text("renderings.txt").split(separator: "\n") {
            let words = row.split(separator: " ").map(String.init)
            guard words.count == 5 else { continue }
            let template = try templates[words[0]] ?? fixtures.template(words[0])
            templates[words[0]] = template
            let conversation = conversations[Int(words[1])!]
            let messages = (conversation["messages"]?.array ?? []).map { message -> JSONValue in
                guard let thoughts = message["reasoning_content"] else { return message }
                return .object([(key: "thinking", value: thoughts)] + (message.members ?? []))
            }
            var request = RenderedTemplate.Request(
                messages: messages, tools: conversation["tools"],
                asksForAnswer: conversation["add_generation_prompt"]?.bool ?? false)
            request.date = "02 Jan 2026"
            if let thinks = conversation["enable_thinking"] {
                request.variables.append(("enable_thinking", thinks))
            }
            let text = try template.render(request).text
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            var value: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in ids.flatMap({ id in (0..<4).map { UInt8(id >> (8 * $0) & 0xFF) } }) {
                value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
            }
            #expect(UInt64(words[4], radix: 16) == value, "\(row)")
            compared += 1
        }
        #expect(compared > 300)
    }

    @Test func answersAreFoundByRenderingWithAndWithoutThem() throws {
        let encoder = try fixtures.encoder(fixtures.template("chatml_default"))
        let example = try encoder.example(
            RenderedFixtures.conversation("One?", "Two.", "Three?", "Four.")
        ).example
        #expect(
            encoder.tokenizer.decode(example.ids) == """
                <|im_start|>system\nYou are a careful helper.<|im_end|>\n<|im_start|>user\nOne?\
                <|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n<|im_start|>user\nThree?\
                <|im_end|>\n<|im_start|>assistant\nFour.<|im_end|>\n
                """)
        #expect(
            RenderedFixtures.learned(example, encoder.tokenizer)
                == ["Two.<|im_end|>\n", "Four.<|im_end|>\n"])
    }

    @Test func idsAreThoseOfTheWholeText() throws {
        let encoder = try fixtures.encoder(fixtures.template("deepseek_old"))
        let example = try encoder.example(
            RenderedFixtures.conversation(" Q\n\n", "\n\n A ", "R", "B")
        ).example
        let text =
            "<s>User:  Q\n\n\n\nAssistant: \n\n A <|endoftext|>User: R\n\nAssistant: B<|endoftext|>"
        #expect(example.ids == encoder.tokenizer.encode(text, addSpecialTokens: false))
    }

    @Test func generationBlocksTellWhatIsLearned() throws {
        let encoder = try fixtures.encoder(fixtures.template("chatml_generation"))
        let example = try encoder.example(
            RenderedFixtures.conversation("One?", "Two.", "Three?", "Four.")
        ).example
        #expect(
            RenderedFixtures.learned(example, encoder.tokenizer)
                == ["Two.<|im_end|>", "Four.<|im_end|>"])
    }

    @Test func templateThatRewritesEarlierAnswersIsRefusedButForTheLast() throws {
        let template = try fixtures.template("qwen_thoughts")
        let thought = "<think>\nHm.\n</think>\n\n"
        let two = RenderedFixtures.conversation("One?", thought + "Two.", "3?", thought + "4.")
        let problem = #expect(throws: RowProblem.self) {
            try fixtures.encoder(template).example(two)
        }
        #expect(problem?.found.contains("answer 1 of 2") == true)
        #expect(problem?.expected.contains("mask_history: true") == true)
        let last = try fixtures.encoder(template) { $0.masksHistory = true }
        let example = try last.example(two).example
        #expect(
            RenderedFixtures.learned(example, last.tokenizer) == [thought + "4.<|im_end|>\n"])
        #expect(!last.tokenizer.decode(example.ids).contains("Hm.\n</think>\n\nTwo"))
        let one = try fixtures.encoder(template).example(
            RenderedFixtures.conversation("One?", thought + "Two.")
        ).example
        #expect(
            RenderedFixtures.learned(one, last.tokenizer) == [thought + "Two.<|im_end|>\n"])
    }

    @Test func promptThatNoAnswerFollowsOnIsRefused() throws {
        let encoder = try fixtures.encoder(fixtures.template("deepseek3"))
        let problem = #expect(throws: RowProblem.self) {
            try encoder.example(RenderedFixtures.conversation("Q", "A"))
        }
        #expect(problem?.found.contains("it asks with \"<think> \"") == true)
    }

    @Test func maskedHistoryAndLearnedPromptsAreAsWithTheTable() throws {
        let template = try fixtures.template("chatml")
        let conversation = RenderedFixtures.conversation("One?", "Two.", "Three?", "Four.")
        let table = try ChatTemplate.named("chatml")
        let changes: [(inout EncodingSettings) -> Void] = [
            { _ in }, { $0.masksHistory = true }, { $0.trainsOnPrompt = true },
            { $0.cutoffLength = 30 },
            {
                $0.cutoffLength = 20
                $0.masksHistory = true
            },
        ]
        for change in changes {
            var settings = EncodingSettings()
            change(&settings)
            let own = try template.encoder(fixtures.tokenizer(), settings).example(conversation)
            let other = try table.encoder(fixtures.tokenizer(), settings).example(conversation)
            #expect(own.example == other.example)
            #expect(own.isTruncated == other.isTruncated)
            #expect(own.isPromptTruncated == other.isPromptTruncated)
        }
    }

    @Test func promptAndReferenceOfAPredictionAreApart() throws {
        let encoder = try fixtures.encoder(fixtures.template("llama3_plain"))
        let prompt = try encoder.promptExample(
            RenderedFixtures.conversation("One?", "Two.", "Three?", "Four.", system: "Brief."))
        #expect(encoder.tokenizer.decode(prompt.labels) == "Four.<|eot_id|>")
        #expect(
            encoder.tokenizer.decode(prompt.ids).hasSuffix(
                "Three?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"))
        let forced = try fixtures.encoder(fixtures.template("deepseek3")).promptExample(
            RenderedFixtures.conversation("Q", "A"))
        #expect(encoder.tokenizer.decode(forced.ids).hasSuffix("<think>\n"))
        #expect(encoder.tokenizer.decode(forced.labels).hasPrefix("A"))
    }

    @Test func generationEndsWhereTheTemplateEndsAnAnswer() throws {
        let tokenizer = try fixtures.tokenizer()
        let end = tokenizer.id(of: "<|im_end|>")!
        let text = tokenizer.endOfText!
        let chatML = try fixtures.encoder(fixtures.template("qwen_tools"))
        #expect(chatML.endOfText == end && chatML.stopTokens == [end, text])
        // A template that writes eos_token by name keeps it.
        let markers = try fixtures.encoder(fixtures.template("role_markers"))
        #expect(markers.endOfText == text && markers.stopTokens == [text])
    }

    @Test func toolsAndCallsAreHandedToTheTemplate() throws {
        let encoder = try fixtures.encoder(fixtures.template("qwen_tools"))
        var conversation = Conversation(
            prompt: [
                ConversationMessage(.user, "Rain?"),
                ConversationMessage(
                    .function, #"[{"name": "rain", "arguments": "{\"city\": \"Oslo\"}"}]"#,
                    text: "Let me look."),
                ConversationMessage(answers: [ToolAnswer("yes"), ToolAnswer("no")]),
            ], response: ConversationMessage(.assistant, "Yes."), tools: Self.tools)
        conversation.system = "S"
        let text = encoder.tokenizer.decode(try encoder.example(conversation).example.ids)
        #expect(
            text.contains(
                """
                <tools>
                {"type": "function", "function": {"name": "rain", "parameters": {"type": "object"}}}
                </tools>
                """))
        #expect(
            text.contains(
                """
                <|im_start|>assistant
                Let me look.
                <tool_call>
                {"name": "rain", "arguments": {"city": "Oslo"}}
                </tool_call><|im_end|>
                <|im_start|>user
                <tool_response>
                yes
                </tool_response>
                <tool_response>
                no
                </tool_response><|im_end|>
                """))
    }

    @Test func idsOfCallsAndTheirAnswersAreHandedToTheTemplate() throws {
        let encoder = try fixtures.encoder(fixtures.template("mistral_tools"))
        func prompt(_ ids: [String?]) throws -> String {
            let calls = #"[{"name": "rain", "arguments": {}}, {"name": "sun", "arguments": {}}]"#
            let answers = zip(["1", "2"], ids).map { ToolAnswer($0, callID: $1) }
            let messages = [
                ConversationMessage(.user, "Rain?"),
                ConversationMessage(.function, calls, callIDs: ids),
                ConversationMessage(answers: answers),
            ]
            return encoder.tokenizer.decode(
                try encoder.promptIDs(messages, system: "", tools: Self.tools))
        }
        let text = try prompt(["call00001", "call00002"])
        #expect(text.contains(#""arguments": {}, "id": "call00001"}, {"name": "sun""#))
        #expect(text.contains(#""arguments": {}, "id": "call00002"}]"#))
        #expect(text.contains(#"{"content": 1, "call_id": "call00001"}[/TOOL_RESULTS]"#))
        #expect(text.contains(#"{"content": 2, "call_id": "call00002"}[/TOOL_RESULTS]"#))
        #expect(throws: TemplateError.self) { try prompt([nil, "call00002"]) }
    }

    @Test func toolsThatTheTemplatePassesOverAreRefused() throws {
        let encoder = try fixtures.encoder(fixtures.template("chatml"))
        let problem = #expect(throws: RowProblem.self) {
            try encoder.example(
                RenderedFixtures.conversation("Q", "A", tools: Self.tools))
        }
        #expect(problem?.found == "tools, which the model's own chat template does not write")
    }

    @Test func whatTheTemplateRefusesIsNamedWithItsReason() throws {
        let encoder = try fixtures.encoder(fixtures.template("gemma"))
        let problem = #expect(throws: RowProblem.self) {
            try encoder.example(RenderedFixtures.conversation("Q", "A", system: "S"))
        }
        #expect(
            problem?.found
                == "a conversation that the model's own chat template does not write (line 1: the "
                + "template refuses the conversation: System role not supported)")
    }

    @Test func defaultSystemIsHandedToTheTemplate() throws {
        var template = try fixtures.template("qwen_tools")
        template.defaultSystem = "Be kind."
        let encoder = try fixtures.encoder(template)
        let ids = try encoder.promptIDs(
            [ConversationMessage(.user, "Hi")], system: "", tools: "")
        #expect(encoder.tokenizer.decode(ids).hasPrefix("<|im_start|>system\nBe kind.<|im_end|>"))
    }

    @Test func thinkingTurnedOffIsToldToTheTemplate() throws {
        let template = try fixtures.template("qwen_thoughts")
        let question = [ConversationMessage(.user, "Hi")]
        let off = try fixtures.encoder(template) { $0.enableThinking = false }
        let on = try fixtures.encoder(template)
        let text = off.tokenizer.decode(try off.promptIDs(question, system: "", tools: ""))
        #expect(text.hasSuffix("assistant\n<think>\n\n</think>\n\n"))
        #expect(
            on.tokenizer.decode(try on.promptIDs(question, system: "", tools: ""))
                .hasSuffix("assistant\n"))
    }
}
