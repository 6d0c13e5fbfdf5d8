import Files
import Foundation
import Serving
import Templates
import Testing

@Suite struct ChatCompletionTests {
    private let sample: ServedSample

    init() throws { sample = try ServedSample() }

    private func ask(_ body: [JSONValue.Member]) async -> Reply {
        await sample.post("/v1/chat/completions", [ServedSample.asking("one two")] + body)
    }

    private func text(_ reply: Reply, _ index: Int = 0) -> String? {
        reply.json["choices"]?.array?[index]["message"]?["content"]?.string
    }

    @Test func anAnswerHasOpenAIsShape() async throws {
        let reply = await ask([("model", .string("tiny"))])
        try #require(reply.status == 200, "\(reply.text)")
        #expect(reply.json["object"]?.string == "chat.completion")
        #expect(reply.json["id"]?.string?.hasPrefix("chatcmpl-") == true)
        #expect(reply.json["model"]?.string == "tiny")
        let choice = reply.json["choices"]?.array?.first
        #expect(choice?["message"]?["role"]?.string == "assistant")
        #expect(choice?["finish_reason"]?.string == "length")
        #expect(text(reply)?.isEmpty == false)
        let usage = reply.json["usage"]
        #expect(usage?["completion_tokens"]?.integer == 12)
        let prompt = try #require(usage?["prompt_tokens"]?.integer)
        #expect(usage?["total_tokens"]?.integer == prompt + 12)
        #expect(reply.headers["x-request-id"]?.isEmpty == false)
    }

    @Test func anAnswerIsAsLongAsTheModelSaysWhereNobodyElseDoes() async throws {
        func tokens(_ generation: String, _ body: [JSONValue.Member] = []) async throws -> Int? {
            let sample = try ServedSample(["max_new_tokens": .null], generation: generation)
            let reply = await sample.post(
                "/v1/chat/completions", [ServedSample.asking("one two")] + body)
            let usage = reply.json["usage"]
            guard reply.status == 200 else { return nil }
            return usage?[body.isEmpty ? "completion_tokens" : "total_tokens"]?.integer
        }
        #expect(try await tokens("{\"max_new_tokens\": 5}") == 5)
        let whole = try #require(
            try await tokens("{\"max_new_tokens\": 5}", [("max_tokens", .int(7))]))
        // One token less than with seven.
        #expect(try await tokens("{\"max_length\": \(whole - 1)}") == 6)
        #expect(try await tokens("{\"max_length\": 2}") == nil)
    }

    @Test(arguments: [
        ("user", "name", JSONValue.string("Ann")), ("user", "foo", .int(3)),
        ("user", "reasoning_content", .string("t")), ("system", "tool_calls", .array([.int(1)])),
    ])
    func whatAMessageHoldsBesideIsRefusedByName(role: String, key: String, value: JSONValue) async {
        let message = JSONValue.object([
            ("role", .string(role)), ("content", .string("one two")), (key, value),
        ])
        let question = JSONValue.object([("role", .string("user")), ("content", .string("one"))])
        let reply = await sample.post(
            "/v1/chat/completions",
            [("messages", .array(role == "system" ? [message, question] : [message]))])
        #expect(reply.status == 400, "\(reply.text)")
        #expect(
            reply.error("message")?.hasPrefix("messages[0].\(key): found ") == true, "\(reply.text)"
        )
    }

    /// Clients send an answer back with all that it came with.
    @Test func anAnswersEmptyFieldsArePassedOver() async {
        func message(_ role: String, _ more: [JSONValue.Member] = []) -> JSONValue {
            .object([("role", .string(role)), ("content", .string("one"))] + more)
        }
        let empty: [JSONValue.Member] = [
            ("refusal", .null), ("annotations", .array([])), ("audio", .null),
            ("function_call", .null),
            ("tool_calls", .array([])),
        ]
        let reply = await sample.post(
            "/v1/chat/completions",
            [("messages", .array([message("user"), message("assistant", empty), message("user")]))])
        #expect(reply.status == 200, "\(reply.text)")
    }

    @Test func aStreamIsTheAnswerInPieces() async throws {
        let options: [JSONValue.Member] = [
            ("temperature", .double(1)), ("top_p", .double(1)), ("seed", .int(7)), ("n", .int(2)),
        ]
        let whole = await ask(options)
        try #require(whole.status == 200, "\(whole.text)")
        let reply = await ask(
            options + [
                ("stream", .bool(true)),
                ("stream_options", .object([("include_usage", .bool(true))])),
            ])
        #expect(reply.headers["content-type"] == "text/event-stream")
        #expect(reply.text.hasSuffix("data: [DONE]\n\n"))
        let events = reply.events
        #expect(Set(events.compactMap { $0["id"]?.string }).count == 1)
        #expect(events.allSatisfy { $0["object"]?.string == "chat.completion.chunk" })
        for index in 0..<2 {
            let choices = events.compactMap { $0["choices"]?.array?.first }
                .filter { $0["index"]?.integer == index }
            #expect(choices.first?["delta"]?["role"]?.string == "assistant")
            let pieces = choices.compactMap { $0["delta"]?["content"]?.string }
            #expect(pieces.joined() == text(whole, index))
            #expect(choices.last?["finish_reason"]?.string == "length")
            #expect(choices.last?["delta"] == .object([]))
            #expect(choices.dropLast().allSatisfy { $0["finish_reason"] == nil })
        }
        #expect(text(whole, 0) != text(whole, 1))
        #expect(events.last?["choices"] == .array([]))
        #expect(events.last?["usage"]?["completion_tokens"]?.integer == 24)
        #expect(events.dropLast().allSatisfy { $0.member("usage") == .null })
    }

    @Test func aStopStringEndsAnAnswerAndIsNotPartOfIt() async throws {
        let whole = try #require(text(await ask([])))
        let stop = String(whole.dropFirst(2).prefix(2))
        let reply = await ask([("stop", .array([.string(stop), .string("nowhere")]))])
        let expected = whole.range(of: stop).map { String(whole[..<$0.lowerBound]) }
        #expect(text(reply) == expected)
        #expect(reply.json["choices"]?.array?.first?["finish_reason"]?.string == "stop")
    }

    @Test func optionsChangeTheAnswer() async throws {
        let base: [JSONValue.Member] = [
            ("temperature", .double(1)), ("top_p", .double(1)), ("top_k", .int(0)),
            ("seed", .int(1)), ("max_tokens", .int(40)),
        ]
        let before = text(await ask(base))
        #expect(text(await ask(base)) == before, "the same request gives the same answer")
        let ids = (0..<384).map { (key: "\($0)", value: JSONValue.double($0 % 2 == 0 ? -100 : 0)) }
        for change: JSONValue.Member in [
            ("seed", .int(2)), ("temperature", .double(0)), ("top_p", .double(0.1)),
            ("top_k", .int(1)), ("min_p", .double(0.9)), ("repetition_penalty", .double(5)),
            ("presence_penalty", .double(2)), ("frequency_penalty", .double(2)),
            ("logit_bias", .object(ids)), ("max_tokens", .int(3)),
            ("max_completion_tokens", .int(3)),
        ] {
            let reply = await ask(base.filter { $0.key != change.key } + [change])
            #expect(reply.status == 200 && text(reply) != before, "\(change.key): \(reply.text)")
        }
    }

    @Test func logProbabilitiesAreTheModels() async throws {
        let reply = await ask([("logprobs", .bool(true)), ("top_logprobs", .int(3))])
        let content = try #require(
            reply.json["choices"]?.array?.first?["logprobs"]?["content"]?.array, "\(reply.text)")
        #expect(content.count == 12)
        for entry in content {
            // Greedy: the token is the likeliest one.
            let top = try #require(entry["top_logprobs"]?.array)
            #expect(top.count == 3 && top[0]["token"] == entry["token"])
            #expect(top[0]["logprob"] == entry["logprob"])
            let numbers = top.compactMap { $0["logprob"]?.double }
            #expect(numbers == numbers.sorted(by: >) && numbers.allSatisfy { $0 < 0 })
        }
    }

    @Test(arguments: [
        ("temperature", JSONValue.double(3)), ("temperature", .string("hot")), ("n", .int(0)),
        ("stop", .int(1)), ("logit_bias", .object([("99999", .int(1))])), ("top_logprobs", .int(2)),
        ("messages", .array([])), ("messages", .string("hi")), ("model", .int(1)),
        ("stream_options", .object([("include_usage", .bool(true))])),
        ("audio", .object([("voice", .string("a"))])), ("nonsuch", .int(1)),
        ("max_tokens", .int(0)), ("store", .bool(true)),
    ])
    func whatCannotBeFollowedIsRefusedByName(_ key: String, _ value: JSONValue) async {
        let reply = await ask([(key, value)])
        #expect(reply.status == 400, "\(key): \(reply.text)")
        #expect(reply.error("param") == key && reply.error("message")?.contains(key) == true)
        #expect(reply.error("type") == "invalid_request_error")
    }

    @Test(arguments: [
        ("[{\"role\": \"assistant\", \"content\": \"a\"}]", "has to be the user's"),
        ("[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]", "images"),
        ("[{\"role\": \"user\"}]", "found no content"), ("[{\"content\": \"a\"}]", "no role"),
        ("[{\"role\": \"bard\", \"content\": \"a\"}]", "'bard'"),
    ])
    func messagesAreChecked(_ messages: String, _ says: String) async throws {
        let value = try JSONValueReader.read(messages)
        let reply = await sample.post("/v1/chat/completions", [("messages", value)])
        #expect(
            reply.status == 400 && reply.error("message")?.contains(says) == true, "\(reply.text)")
    }

    @Test func speakersMayComeTwiceAndPartsAreText() async throws {
        let parts = try JSONValueReader.read(
            """
            [{"role": "system", "content": "You count."},
             {"role": "user", "content": [{"type": "text", "text": "one"}]},
             {"role": "user", "content": "two"}]
            """)
        let joined = try JSONValueReader.read(
            """
            [{"role": "developer", "content": "You count."},
             {"role": "user", "content": "one\\n\\ntwo"}]
            """)
        let replies = await [
            sample.post("/v1/chat/completions", [("messages", parts)]),
            sample.post("/v1/chat/completions", [("messages", joined)]),
        ]
        let other = text(await ask([]))
        #expect(text(replies[0]) == text(replies[1]) && text(replies[0]) != other)
    }

    private static let ownTemplate = """
        {%- if messages[0].role == 'tool' %}{{ raise_exception('tools do not begin') }}{% endif %}
        {%- for message in messages %}[{{ message.role }}] {{ message.content }}
        {%- for call in message.tool_calls or [] %}call {{ call.function.name }}{% endfor %}{{ eos_token }}
        {%- endfor %}
        {%- if add_generation_prompt %}[assistant] {% endif %}
        """
    private static let call = """
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function",
         "function": {"name": "rain", "arguments": "{}"}}]}
        """
    private static let toolThenUser = """
        [{"role": "user", "content": "one"}, \(call), {"role": "tool", "content": "sun"},
         {"role": "user", "content": "two"}]
        """
    private static let assistantFirst = """
        [{"role": "assistant", "content": "hi"}, {"role": "user", "content": "one"}]
        """

    // Texts of transformers 5.23.0, `render_jinja_template(…, add_generation_prompt=True)`, with `|` for eos_token
    // (scripts/references/transformers_literals.py).
    @Test(arguments: [
        (toolThenUser, "[user] one|[assistant] call rain|[tool] sun|[user] two|[assistant] "),
        (assistantFirst, "[assistant] hi|[user] one|[assistant] "),
        (
            "[{\"role\": \"user\", \"content\": \"one\"}, \(call), \(call), {\"role\": \"tool\", \"content\": \"sun\"}]",
            "[user] one|[assistant] call rain|[assistant] call rain|[tool] sun|[assistant] "
        ),
    ])
    func whoSpeaksWhenIsTheModelsOwnTemplatesAffair(messages: String, text: String) async throws {
        let own = try ServedSample(["template": .null], chatTemplate: Self.ownTemplate)
        let conversation: [JSONValue.Member] = [("messages", try JSONValueReader.read(messages))]
        let end = try #require(
            own.model.tokenizer.endOfText.map { own.model.tokenizer.decode([$0]) })
        let expected = await own.post(
            "/tokenize", [("content", .string(text.replacing("|", with: end)))])
        let found = await own.post("/tokenize", conversation)
        #expect(found.json["tokens"] == expected.json["tokens"], "\(found.text)")
        #expect(found.json["tokens"]?.array?.isEmpty == false)
        let reply = await own.post("/v1/chat/completions", conversation)
        #expect(reply.status == 200, "\(reply.text)")
        // A built-in template takes turns.
        let refused = await sample.post("/v1/chat/completions", conversation)
        #expect(refused.status == 400 && refused.error("param") == "messages", "\(refused.text)")
    }

    @Test(arguments: [
        ("[{\"role\": \"tool\", \"content\": \"sun\"}]", "tools do not begin"),
        (
            "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\"}]",
            "an answer that was begun is not supported"
        ),
        (
            "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"system\", \"content\": \"b\"}]",
            "messages[1]: a system message after others is not supported"
        ),
    ])
    func whatTheModelsOwnTemplateCannotWriteIsRefused(messages: String, says: String) async throws {
        let own = try ServedSample(["template": .null], chatTemplate: Self.ownTemplate)
        let value = try JSONValueReader.read(messages)
        let reply = await own.post("/v1/chat/completions", [("messages", value)])
        #expect(
            reply.status == 400 && reply.error("message")?.contains(says) == true, "\(reply.text)")
    }

    // Text of transformers 5.23.0, `render_jinja_template(…, add_generation_prompt=True)`
    // (scripts/references/transformers_literals.py).
    @Test func aTemplateThatIsRecognisedWritesWhatIsNotInTurnAsTheModelsOwn() async throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("References/jinja/templates/qwen_tools.jinja")
        let own = try ServedSample(
            ["template": .null], chatTemplate: String(contentsOf: path, encoding: .utf8))
        #expect(own.model.encoder?.format.name == "qwen")
        let text = """
            <|im_start|>system
            You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>
            <|im_start|>user
            one<|im_end|>
            <|im_start|>assistant
            <tool_call>
            {"name": "rain", "arguments": {}}
            </tool_call><|im_end|>
            <|im_start|>user
            <tool_response>
            sun
            </tool_response><|im_end|>
            <|im_start|>user
            two<|im_end|>
            <|im_start|>assistant

            """
        let expected = await own.post("/tokenize", [("content", .string(text))])
        let found = await own.post(
            "/tokenize", [("messages", try JSONValueReader.read(Self.toolThenUser))])
        #expect(found.json["tokens"] == expected.json["tokens"], "\(found.text)")
        #expect(found.json["tokens"]?.array?.isEmpty == false)
    }

    @Test func tooLongAPromptIsRefused() async {
        let long = String(repeating: "one two ", count: 4000)
        let reply = await sample.post(
            "/v1/chat/completions", [ServedSample.asking(long)])
        #expect(reply.status == 400 && reply.error("code") == "context_length_exceeded")
    }

    @Test func modelsAreListedAndOthersRefused() async {
        let list = await sample.get("/v1/models")
        #expect(list.json["data"]?.array?.first?["id"]?.string == "tiny")
        #expect(await sample.get("/v1/models/tiny").json["object"]?.string == "model")
        for reply in await [sample.get("/v1/models/a/b"), ask([("model", .string("gpt-4"))])] {
            #expect(reply.status == 404 && reply.error("code") == "model_not_found")
        }
        #expect(await sample.get("/health").json == .object([("status", .string("ok"))]))
    }
}
