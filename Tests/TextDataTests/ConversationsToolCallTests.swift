import Datasets
import Foundation
import Templates
import Testing
import TextData

/// Calls of tools as people's files hold them.
@Suite struct ConversationsToolCallTests {
    private let fixtures = ConversationsFixtures()

    /// Text beside a call whose arguments are JSON text, as OpenAI's interface answers.
    private let row = #"""
        {"messages":[{"role":"user","content":"Weather?"},{"role":"assistant","content":"Let me look.",\#
        "tool_calls":[{"type":"function","function":{"name":"w","arguments":"{\"city\": \"Oslo\"}"}}]},\#
        {"role":"tool","content":"rain"},{"role":"assistant","content":"Rain."}]}
        """#

    private func dataset(_ row: String, _ template: String) throws -> InstructionDataset {
        try fixtures.withFolder(["a.jsonl": row + "\n"]) { folder in
            var settings = InstructionSettings(datasets: ["a.jsonl"])
            settings.folder = folder
            return try InstructionDataset(settings, .named(template), fixtures.tokenizer("llama"))
        }
    }

    /// What is learned of the row, as text.
    private func learned(_ row: String, _ template: String) throws -> String {
        let example = try #require(dataset(row, template).training.first)
        return try fixtures.tokenizer("llama").decode(
            example.labels.filter { $0 != TokenizedExample.noLoss })
    }

    /// All of the row, as text.
    private func whole(_ row: String, _ template: String) throws -> String {
        let example = try #require(dataset(row, template).training.first)
        return try fixtures.tokenizer("llama").decode(example.ids)
    }

    /// Two calls at once, and their answers.
    private func parallel(_ keys: String = "") -> String {
        #"{"messages":[{"role":"user","content":"Both?"},{"role":"assistant","content":null,"#
            + #""tool_calls":[{"id":"1","type":"function","function":{"name":"a","arguments":"{}"}},"#
            + #"{"id":"2","type":"function","function":{"name":"b","arguments":{"x":[1]}}}]},"#
            + #"{"role":"tool","content":"one"\#(keys)},{"role":"tool","content":"two"\#(keys)},"#
            + #"{"role":"assistant","content":"Done."}]}"#
    }

    @Test func textAndArgumentsAsTextBecomeQwensCall() throws {
        #expect(
            try learned(row, "qwen3_nothink") == """
                Let me look.
                <tool_call>
                {"name": "w", "arguments": {"city": "Oslo"}}
                </tool_call><|im_end|>
                Rain.<|im_end|>

                """)
    }

    @Test(arguments: [
        (
            "llama3",
            "Let me look.\n{\"name\": \"w\", \"parameters\": {\"city\": \"Oslo\"}}<|eot_id|>"
        ),
        (
            "mistral",
            " Let me look.[TOOL_CALLS] [{\"name\": \"w\", \"arguments\": {\"city\": \"Oslo\"}}]</s>"
        ),
        (
            "ministral",
            "Let me look.[TOOL_CALLS][{\"name\": \"w\", \"arguments\": {\"city\": \"Oslo\"}}]</s>"
        ),
        ("glm4", "\nLet me look.<|assistant|>w\n{\"city\": \"Oslo\"}"),
        (
            "glm4_moe",
            "<think>\n\n</think>\n\n\nLet me look.\n<tool_call>w\n<arg_key>city</arg_key>\n"
                + "<arg_value>Oslo</arg_value>"
        ),
        (
            "qwen3_5_nothink",
            "Let me look.\n\n<tool_call>\n<function=w>\n<parameter=city>\nOslo\n</parameter>\n"
                + "</function>\n</tool_call><|im_end|>\n"
        ),
        ("lfm2", "Let me look.<|tool_call_start|>[w(city=\"Oslo\")]<|tool_call_end|><|im_end|>\n"),
        ("yi", "Let me look.\nAction: w\nAction Input: {\"city\": \"Oslo\"}<|im_end|>\n"),
    ])
    func textStandsBeforeTheCallInOtherFormats(template: String, begins: String) throws {
        let text = try learned(row, template)
        #expect(text.hasPrefix(begins), "\(text)")
    }

    @Test func argumentsAsTextAreTheSameAsTheObject() throws {
        let object = row.replacingOccurrences(
            of: #""{\"city\": \"Oslo\"}""#, with: #"{"city": "Oslo"}"#)
        #expect(object != row)
        for template in ["qwen", "llama3", "mistral", "minimax1", "minimax2", "seed_oss", "yi"] {
            #expect(try dataset(row, template).training == dataset(object, template).training)
        }
    }

    @Test func textWithoutArgumentsStandsForNone() throws {
        for arguments in [#""""#, #"" ""#, #""{}""#] {
            let row = row.replacingOccurrences(of: #""{\"city\": \"Oslo\"}""#, with: arguments)
            #expect(try learned(row, "qwen").contains(#"{"name": "w", "arguments": {}}"#))
        }
    }

    @Test func argumentsOfShareGPTRowsAreReadTheSame() throws {
        let row = #"""
            {"conversations":[{"from":"human","value":"Weather?"},{"from":"function_call",\#
            "value":"{\"name\": \"w\", \"arguments\": \"{\\\"n\\\": 1.50}\"}"},\#
            {"from":"observation","value":"rain"},{"from":"gpt","value":"Rain."}]}
            """#
        #expect(
            try learned(row, "qwen").hasPrefix(
                "<tool_call>\n{\"name\": \"w\", \"arguments\": {\"n\": 1.5}}\n</tool_call>"))
    }

    @Test(arguments: [
        #""Oslo""#, #""{\"city\": ""#, #""[1, 2]""#, #""5""#, #""{'city': 'Oslo'}""#,
    ])
    func argumentsThatAreNoObjectMakeTheRowWrong(arguments: String) throws {
        let row = row.replacingOccurrences(of: #""{\"city\": \"Oslo\"}""#, with: arguments)
        do {
            _ = try dataset(row, "qwen")
            Issue.record("accepted \(arguments)")
        } catch ConversationError.allRowsWrong(_, _, let first) {
            #expect(first.found.hasPrefix("arguments of w: text \""))
            #expect(first.expected == "a JSON object, or the text of one")
            #expect(first.position == .line(1))
        }
    }

    @Test func argumentsThatAreAListAreWrongWhereTheFormatNamesEach() throws {
        let row = row.replacingOccurrences(of: #""{\"city\": \"Oslo\"}""#, with: "[1, 2]")
        #expect(try learned(row, "qwen").contains(#""arguments": [1, 2]"#))
        for template in ["minimax2", "lfm2", "glm4_moe", "seed_oss", "qwen3_5"] {
            #expect(throws: ConversationError.self) { try dataset(row, template) }
        }
    }

    @Test func severalCallsAndAnswersKeepTheirOrderInQwen() throws {
        let text = try whole(parallel(), "qwen3_nothink")
        #expect(
            text == """
                <|im_start|>user
                Both?<|im_end|>
                <|im_start|>assistant
                <tool_call>
                {"name": "a", "arguments": {}}
                </tool_call>
                <tool_call>
                {"name": "b", "arguments": {"x": [1]}}
                </tool_call><|im_end|>
                <|im_start|>user
                <tool_response>
                one
                </tool_response>
                <tool_response>
                two
                </tool_response><|im_end|>
                <|im_start|>assistant
                Done.<|im_end|>

                """)
    }

    @Test(arguments: [
        (
            "llama3",
            "<|start_header_id|>ipython<|end_header_id|>\n\none<|eot_id|>"
                + "<|start_header_id|>ipython<|end_header_id|>\n\ntwo<|eot_id|>"
                + "<|start_header_id|>assistant<|end_header_id|>\n\nDone."
        ),
        (
            "chatml",
            "tool\none<|im_end|>\n<|im_start|>tool\ntwo<|im_end|>\n<|im_start|>assistant\nDone."
        ),
        (
            "mistral",
            #"[TOOL_RESULTS] {"content": one}[/TOOL_RESULTS]"#
                + #"[TOOL_RESULTS] {"content": two}[/TOOL_RESULTS] Done."#
        ),
        (
            "minimax2",
            "]~b]tool\n<response>one</response>\n<response>two</response>[e~[\n]~b]ai\n"
        ),
        (
            "gemma",
            "tool\none<end_of_turn>\n<start_of_turn>tool\ntwo<end_of_turn>\n<start_of_turn>model\n"
        ),
        ("vicuna", "USER: one\ntwo ASSISTANT:Done."),
    ])
    func eachOfSeveralAnswersHasTheTemplatesOwnMarks(template: String, part: String) throws {
        let text = try whole(parallel(), template)
        #expect(text.contains(part), "\(text)")
        #expect(!text.contains("</tool_response>"))
    }

    @Test func idsAndNamesOfAnswersChangeNothing() throws {
        let plain = try dataset(parallel(), "qwen")
        let named = try dataset(parallel(#","tool_call_id":"1","name":"a""#), "qwen")
        #expect(plain.training == named.training)
    }

    @Test func idsAndNamesReachAModelsOwnTemplate() throws {
        let own = try #require(
            try RenderedTemplate(files: [
                "chat_template.jinja": """
                {%- for message in messages %}{{ message.role }}:
                {%- for call in message.tool_calls or [] %}({{ call.id }}){% endfor %}
                {%- if message.role == "tool" %}[{{ message.tool_call_id }},{{ message.name }}]{% endif %}
                {{- message.content }}{{ eos_token }}
                {%- endfor %}{% if add_generation_prompt %}assistant:{% endif %}
                """,
                "tokenizer_config.json": #"{"eos_token": "</s>"}"#,
            ]))
        func text(_ keys: String) throws -> String {
            try fixtures.withFolder(["a.jsonl": parallel(keys) + "\n"]) { folder in
                var settings = InstructionSettings(datasets: ["a.jsonl"])
                settings.folder = folder
                let tokenizer = try fixtures.tokenizer("llama")
                let dataset = try InstructionDataset(settings, own, tokenizer)
                return tokenizer.decode(try #require(dataset.training.first).ids)
            }
        }
        let named = try text(#","tool_call_id":"1","name":"a""#)
        #expect(named.contains("assistant:(1)(2)"), "\(named)")
        #expect(named.contains("tool:[1,a]one"), "\(named)")
        #expect(try text("").contains("tool:[,]one"))
        #expect(throws: ConversationError.self) { try text(#","tool_call_id":1"#) }
    }

    @Test func olderFunctionCallIsACall() throws {
        let older = row.replacingOccurrences(
            of: #""tool_calls":[{"type":"function","function":"#, with: #""function_call":"#
        ).replacingOccurrences(of: #"Oslo\"}"}}]}"#, with: #"Oslo\"}"}}"#)
        #expect(try dataset(older, "qwen").training == dataset(row, "qwen").training)
    }

    @Test func callThatIsAnObjectIsTheSameAsItsText() throws {
        func row(_ value: String) -> String {
            #"{"conversations":[{"from":"human","value":"?"},{"from":"function_call","value":"#
                + value + "}]}"
        }
        let object = #"{"name":"a","arguments":{"x":1}}"#
        let text = #""{\"name\":\"a\",\"arguments\":{\"x\":1}}""#
        #expect(try learned(row(object), "qwen") == learned(row(text), "qwen"))
    }

    @Test func partsOfTextAreOneText() throws {
        func row(_ content: String) -> String {
            #"{"messages":[{"role":"user","content":"# + content
                + #"},{"role":"assistant","content":"b"}]}"#
        }
        let parts = #"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#
        #expect(try dataset(row(parts), "qwen").training == dataset(row(#""ab""#), "qwen").training)
        let image = #"[{"type":"image_url","image_url":{"url":"x"}}]"#
        do {
            _ = try dataset(row(image), "qwen")
            Issue.record("an image was taken")
        } catch ConversationError.allRowsWrong(_, _, let first) {
            #expect(first.found == "content: a part of type image_url")
        }
    }

    @Test func answerThatIsNotToBeLearnedMakesTheRowWrong() throws {
        let weighted = row.replacingOccurrences(
            of: #""content":"Rain.""#, with: #""content":"Rain.","weight":1"#)
        #expect(try dataset(weighted, "qwen").training == dataset(row, "qwen").training)
        let left = weighted.replacingOccurrences(of: #""weight":1"#, with: #""weight":0"#)
        do {
            _ = try dataset(left, "qwen")
            Issue.record("weight 0 was taken")
        } catch ConversationError.allRowsWrong(_, _, let first) {
            #expect(first.found == "weight: 0")
        }
    }

    @Test(arguments: ["\"weight\": \"0\"", "\"loss_weight\": 0.0", "\"weight\": 0.5"])
    func answersOfAnotherWeightAreWrongRowsInEachForm(weight: String) throws {
        let openAI =
            #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b", "#
            + weight + "}]}"
        let shareGPT =
            #"{"conversations":[{"from":"human","value":"a"},{"from":"gpt","value":"b", "#
            + weight + "}]}"
        for row in [openAI, shareGPT] {
            do {
                _ = try dataset(row, "qwen")
                Issue.record("\(weight) was taken")
            } catch ConversationError.allRowsWrong(_, _, let first) {
                #expect(first.found.contains("weight: "), "\(first.found)")
            }
        }
    }

    @Test func severalMarkedCallsOfShareGPTKeepTheirOrder() throws {
        let value =
            #"I look. <tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n"#
            + #"<tool_call>{\"name\":\"b\",\"arguments\":{}}</tool_call>"#
        let row =
            #"{"conversations":[{"from":"human","value":"?"},{"from":"function_call","value":"\#(value)"}]}"#
        #expect(
            try learned(row, "qwen") == """
                I look. <tool_call>
                {"name": "a", "arguments": {}}
                </tool_call>
                <tool_call>
                {"name": "b", "arguments": {}}
                </tool_call><|im_end|>

                """)
    }

    @Test func differencesToLLaMAFactoryAreSaidOnce() throws {
        let many = Array(repeating: row, count: 3).joined(separator: "\n")
        let lines = try dataset(many, "qwen").report.lines
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("arguments of tool calls found as JSON text"))
        #expect(lines[1].hasPrefix("messages with both text and tool calls found"))
        let plain = row.replacingOccurrences(of: "Let me look.", with: "")
            .replacingOccurrences(of: #""{\"city\": \"Oslo\"}""#, with: "{}")
        #expect(try dataset(plain, "qwen").report.lines.isEmpty)
        #expect(
            try dataset(parallel(), "llama3").report.lines.contains {
                $0.hasPrefix("answers of several tools at once")
            })
        #expect(
            try dataset(plain, "glm4_moe").report.lines.contains {
                $0.hasPrefix("tool format glm4_moe writes calls as LLaMA-Factory does")
            })
    }

    @Test func reasoningBesideAnAnswerBecomesThoughts() throws {
        let row =
            #"{"messages":[{"role":"user","content":"1+1?"},"#
            + #"{"role":"assistant","reasoning_content":"\nTwo.\n","content":"2"}]}"#
        #expect(try learned(row, "qwen3") == "<think>\nTwo.\n</think>\n\n2<|im_end|>\n")
        #expect(try learned(row, "qwen") == "2<|im_end|>\n")
        #expect(
            try dataset(row, "qwen3").report.lines[0].hasPrefix("reasoning_content found: writ"))
        #expect(
            try dataset(row, "qwen").report.lines == [
                "reasoning_content found, but the template has no place for thoughts: left out"
            ])
    }

    @Test func reasoningStandsBeforeTextAndCalls() throws {
        let row = row.replacingOccurrences(
            of: #""content":"Let me look.""#, with: #""content":"","reasoning_content":"Hm.""#)
        #expect(
            try learned(row, "qwen3").hasPrefix(
                "<think>\nHm.\n</think>\n\n<tool_call>\n{\"name\": \"w\""))
    }

    @Test(arguments: [
        ("qwen2_vl", "images"), ("llava_next_llama3", "images"), ("pixtral", "images"),
        ("qwen2_audio", "audio"), ("minicpm_o", "images and audio"),
    ])
    func templateOfImagesOrSoundIsRefusedByName(name: String, needs: String) {
        #expect(throws: TemplateError.mediaTemplate(name: name, needs: needs)) {
            try ChatTemplate.named(name)
        }
    }

    @Test func misspeltTemplateSuggestsTheNearest() {
        do {
            _ = try ChatTemplate.named("granit3")
            Issue.record("granit3 was taken")
        } catch {
            #expect(error.description.hasSuffix("did you mean granite3?"))
        }
    }
}
