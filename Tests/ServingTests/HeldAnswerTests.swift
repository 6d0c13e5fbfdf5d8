import Files
import Serving
import Testing

/// Answers that are held to a form: JSON, or calls of tools.
@Suite struct HeldAnswerTests {
    private static let tool = """
        {"type": "function", "function": {"name": "weather", "description": "of a city",
         "parameters": {"type": "object", "required": ["city", "days"], "additionalProperties": false,
         "properties": {"city": {"type": "string", "maxLength": 4}, "days": {"enum": [1, 2]}}}}}
        """

    private func ask(_ sample: ServedSample, _ body: [JSONValue.Member]) async -> Reply {
        await sample.post("/v1/chat/completions", [ServedSample.asking("weather?")] + body)
    }

    private func message(_ reply: Reply) -> JSONValue? {
        reply.json["choices"]?.array?.first?["message"]
    }

    private func finish(_ reply: Reply) -> String? {
        reply.json["choices"]?.array?.first?["finish_reason"]?.string
    }

    // The tiny model knows nothing of JSON; whatever it writes has the form, for many seeds.
    @Test(arguments: 0..<6)
    func anAnswerFollowsItsSchema(seed: Int) async throws {
        let sample = try ServedSample(["max_new_tokens": .int(400), "temperature": .double(1)])
        let schema = try JSONValueReader.read(
            """
            {"type": "object", "additionalProperties": false, "required": ["a", "b", "c"],
             "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "y z"]},
             "c": {"type": "array", "items": {"type": "boolean"}, "maxItems": 3}}}
            """)
        let format = JSONValue.object([
            ("type", .string("json_schema")),
            ("json_schema", .object([("name", .string("t")), ("schema", schema)])),
        ])
        let reply = await ask(sample, [("response_format", format), ("seed", .int(seed))])
        let text = try #require(message(reply)?["content"]?.string, "\(reply.text)")
        #expect(finish(reply) == "stop", "\(text)")
        let value = try JSONValueReader.read(text)
        #expect(value["a"]?.integer != nil && (value["c"]?.array?.count ?? 9) <= 3)
        #expect(["x", "y z"].contains(value["b"]?.string))
        #expect(value.members?.map(\.key) == ["a", "b", "c"])
    }

    @Test func anyObjectBeginsLikeOne() async throws {
        let sample = try ServedSample(["temperature": .double(1)])
        let format = JSONValue.object([("type", .string("json_object"))])
        let reply = await ask(sample, [("response_format", format), ("seed", .int(3))])
        #expect(message(reply)?["content"]?.string?.hasPrefix("{") == true, "\(reply.text)")
    }

    @Test func aRequiredCallIsMadeWholeAndInAStream() async throws {
        let sample = try ServedSample(["max_new_tokens": .int(300), "temperature": .double(1)])
        let tool = try JSONValueReader.read(Self.tool)
        let named = JSONValue.object([
            ("type", .string("function")), ("function", .object([("name", .string("weather"))])),
        ])
        for choice in [JSONValue.string("required"), named] {
            let asked: [JSONValue.Member] = [
                ("tools", .array([tool])), ("tool_choice", choice), ("seed", .int(5)),
            ]
            let reply = await ask(sample, asked)
            #expect(finish(reply) == "tool_calls", "\(reply.text)")
            let call = try #require(message(reply)?["tool_calls"]?.array?.first)
            #expect(message(reply)?.member("content") == .null)
            #expect(call["type"]?.string == "function")
            #expect(call["id"]?.string?.hasPrefix("call_") == true)
            #expect(call["function"]?["name"]?.string == "weather")
            let arguments = try #require(call["function"]?["arguments"]?.string)
            let value = try JSONValueReader.read(arguments)
            #expect([1, 2].contains(value["days"]?.integer) && value["city"]?.string != nil)

            let stream = await ask(sample, asked + [("stream", .bool(true))])
            let choices = stream.events.compactMap { $0["choices"]?.array?.first }
            #expect(choices.last?["finish_reason"]?.string == "tool_calls")
            let parts = choices.compactMap { $0["delta"]?["tool_calls"]?.array?.first }
            #expect(parts.first?["function"]?["name"]?.string == "weather")
            #expect(parts.first?["id"] != nil && parts.last?["id"] == nil)
            #expect(parts.allSatisfy { $0["index"]?.integer == 0 })
            let joined = parts.compactMap { $0["function"]?["arguments"]?.string }.joined()
            #expect(joined == arguments)
            let texts = choices.compactMap { $0["delta"]?["content"]?.string }
            #expect(texts.joined().isEmpty)
        }
    }

    @Test func toolsAndTheirAnswersAreWrittenForTheModel() async throws {
        let sample = try ServedSample()
        let tool = try JSONValueReader.read(Self.tool)
        let messages = try JSONValueReader.read(
            """
            [{"role": "user", "content": "weather?"},
             {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
              "function": {"name": "weather", "arguments": "{\\"city\\": \\"Rome\\"}"}}]},
             {"role": "tool", "tool_call_id": "call_1", "content": "sun"}]
            """)
        let asked: [JSONValue.Member] = [("messages", messages), ("tools", .array([tool]))]
        let reply = await sample.post("/v1/chat/completions", asked)
        #expect(reply.status == 200, "\(reply.text)")
        let with = reply.json["usage"]?["prompt_tokens"]?.integer ?? 0
        let none = await sample.post(
            "/v1/chat/completions", asked + [("tool_choice", .string("none"))])
        #expect(with > none.json["usage"]?["prompt_tokens"]?.integer ?? 0)
    }

    @Test func idsOfCallsReachTheModelsOwnTemplate() async throws {
        let sample = try ServedSample(
            ["template": .null],
            chatTemplate: """
                {%- for message in messages %}
                {%- for call in message.tool_calls or [] %}made {{ call.id }} {% endfor %}
                {%- if message.role == "tool" %}answered {{ message.tool_call_id }} {{ message.name }}{% endif %}
                {{- message.content }}{{ eos_token }}
                {%- endfor %}
                """)
        func text(_ keys: String) async throws -> String {
            let messages = try JSONValueReader.read(
                """
                [{"role": "user", "content": "weather?"},
                 {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function",
                  "function": {"name": "weather", "arguments": "{}"}}]},
                 {"role": "tool", "content": "sun"\(keys)}]
                """)
            let reply = await sample.post("/tokenize", [("messages", messages)])
            guard let tokens = reply.json["tokens"] else { return reply.text }
            let read = await sample.post("/detokenize", [("tokens", tokens)])
            return read.text
        }
        let named = try await text(#", "tool_call_id": "call_1", "name": "weather""#)
        #expect(named.contains("made call_1 "), "\(named)")
        #expect(named.contains("answered call_1 weather"), "\(named)")
        #expect(try await text(#", "tool_call_id": 1"#).contains("tool_call_id: found"))
    }

    @Test(arguments: [
        ("tools", "[{\"type\": \"web\"}]"), ("tools", "1"), ("tool_choice", "\"required\""),
        ("tool_choice", "{\"type\": \"function\", \"function\": {\"name\": \"x\"}}"),
        ("response_format", "{\"type\": \"yaml\"}"),
        ("response_format", "{\"type\": \"json_schema\"}"),
        (
            "response_format",
            "{\"type\": \"json_schema\", \"json_schema\": {\"schema\": {\"pattern\": \"a\"}}}"
        ),
        ("messages", "[{\"role\": \"tool\", \"content\": \"a\"}]"),
        (
            "messages",
            "[{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"tool\", \"content\": \"a\"}]"
        ),
    ])
    func whatCannotBeFollowedIsRefusedByName(key: String, text: String) async throws {
        let value = try JSONValueReader.read(text)
        let reply = await ask(try ServedSample(), [(key, value)])
        #expect(reply.status == 400 && reply.error("param") == key, "\(reply.text)")
    }
}
