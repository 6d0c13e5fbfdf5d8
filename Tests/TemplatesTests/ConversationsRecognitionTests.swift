import Files
import Templates
import Testing

/// A model's own template is taken for one of the table only where both write the same.
@Suite struct ConversationsRecognitionTests {
    private let fixtures = RenderedFixtures()

    private func recognised(_ own: RenderedTemplate) throws -> ChatTemplate? {
        ChatTemplate.recognised(as: own, try fixtures.tokenizer())
    }

    @Test func templateThatWritesTheSameIsRecognised() throws {
        let template = try recognised(fixtures.template("qwen_tools"))
        #expect(template == (try ChatTemplate.named("qwen")))
    }

    @Test func systemPromptOfTheModelIsTakenOver() throws {
        let jinja = try fixtures.text("templates/qwen_tools.jinja")
        let own = try fixtures.own(
            jinja.replacing(
                "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
                with: "You are someone else."))
        let template = try #require(try recognised(own))
        #expect(template.defaultSystem == "You are someone else.")
        let without = try fixtures.own(
            jinja.replacing(
                "{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a "
                    + "helpful assistant.<|im_end|>\\n' }}", with: "{{- '' }}"
            ).replacing(
                "'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.'",
                with: "''"))
        #expect(try recognised(without)?.name == "qwen3_nothink")
        #expect(try recognised(without)?.defaultSystem == "")
    }

    /// Each resembles a template of the table, and writes something else.
    @Test(arguments: [
        "role_markers", "chatml_default", "llama3_date", "llama3_plain", "llama2", "mistral_tools",
        "mistral_plain", "gemma", "gemma3", "qwen_thoughts", "deepseek3", "deepseek_old", "phi3",
        "phi4", "zephyr_system", "glm4", "alpaca", "vicuna", "smollm3", "chatml",
        "chatml_generation",
    ])
    func templateThatWritesSomethingElseIsNotTakenForIt(_ name: String) throws {
        #expect(try recognised(fixtures.template(name)) == nil)
    }

    @Test func roleMarkersAddNoSystemPromptOfTheirOwn() throws {
        let encoder = try fixtures.encoder(fixtures.template("role_markers"))
        let ids = try encoder.promptIDs([ConversationMessage(.user, "Hi")], system: "", tools: "")
        #expect(encoder.tokenizer.decode(ids) == "<|user|>\nHi<|endoftext|>\n<|assistant|>\n")
    }

    @Test func templateByNameThatWritesOtherwiseIsTold() throws {
        let tokenizer = try fixtures.tokenizer()
        let markers = try fixtures.template("role_markers")
        #expect(try ChatTemplate.named("zephyr").writesOtherwise(than: markers, tokenizer))
        let qwen = try fixtures.template("qwen_tools")
        #expect(!(try ChatTemplate.named("qwen").writesOtherwise(than: qwen, tokenizer)))
        #expect(try ChatTemplate.named("chatml").writesOtherwise(than: qwen, tokenizer))
        // A conversation that the model's own refuses tells nothing.
        let gemma = try fixtures.template("gemma")
        #expect(!(try ChatTemplate.named("gemma").writesOtherwise(than: gemma, tokenizer)))
    }

    @Test func templatesByNameAreRead() throws {
        let configuration = """
            {"eos_token": {"content": "<|im_end|>"}, "bos_token": null, "chat_template": [
            {"name": "default", "template": "{{ messages[0].content }}{{ bos_token }}{{ eos_token }}"},
            {"name": "tool_use", "template": "tools: {{ tools | length }}"}]}
            """
        let own = try #require(
            try RenderedTemplate(files: ["tokenizer_config.json": configuration]))
        let message = JSONValue.object([("role", .string("user")), ("content", .string("Hi"))])
        #expect(try own.render(.init(messages: [message])).text == "Hi<|im_end|>")
        #expect(
            try own.render(.init(messages: [message], tools: .array([.object([])]))).text
                == "tools: 1")
    }

    @Test func fileOfATemplateComesBeforeTheConfiguration() throws {
        let own = try #require(
            try RenderedTemplate(files: [
                "tokenizer_config.json": #"{"chat_template": "a"}"#, "chat_template.jinja": "b",
            ]))
        #expect(own.source == "b")
    }

    @Test func absentTemplateIsNone() throws {
        #expect(try RenderedTemplate(files: [:]) == nil)
        #expect(
            try RenderedTemplate(files: ["tokenizer_config.json": #"{"chat_template": ""}"#]) == nil
        )
    }

    @Test(arguments: [
        (#""a{% foo %}""#, "cannot be used: line 1: unknown tag 'foo'"),
        (#"[{"name": "x", "template": "a"}]"#, "of the model's chat templates (x) none is default"),
        ("3", "chat_template: found 3, expected text or a list of objects"),
    ])
    func unusableTemplateIsRefused(_ template: String, _ message: String) {
        let error = #expect(throws: TemplateError.self) {
            try RenderedTemplate(
                files: ["tokenizer_config.json": "{\"chat_template\": \(template)}"])
        }
        #expect(error?.description.contains(message) == true, "\(String(describing: error))")
    }

    @Test func keptExamplesBelongToATemplateAndItsTokens() throws {
        let own = try fixtures.template("chatml")
        #expect(own.fingerprint == (try fixtures.template("chatml")).fingerprint)
        #expect(own.fingerprint != (try fixtures.template("chatml_default")).fingerprint)
        var other = own
        other.defaultSystem = "x"
        #expect(own.fingerprint != other.fingerprint)
    }
}
