import Files
import Foundation
import Generation
import Serving
import Testing

@Suite struct CompletionTests {
    private let sample: ServedSample

    init() throws { sample = try ServedSample() }

    private func ask(_ body: [JSONValue.Member]) async -> Reply {
        await sample.post("/v1/completions", body)
    }

    private func choices(_ reply: Reply) -> [JSONValue] { reply.json["choices"]?.array ?? [] }

    private func ids(_ ids: [Int32]) -> JSONValue { .array(ids.map { .int(Int($0)) }) }

    @Test func promptsMayBeTextsOrIdsOneOrMany() async throws {
        let prompt = "one two three"
        let encoded = sample.model.tokenizer.encode(prompt, addSpecialTokens: true)
        let single = await ask([("prompt", .string(prompt))])
        try #require(single.status == 200, "\(single.text)")
        #expect(single.json["object"]?.string == "text_completion")
        #expect(single.json["usage"]?["completion_tokens"]?.integer == 16, "OpenAI's 16")
        let text = choices(single)[0]["text"]
        for value: JSONValue in [
            ids(encoded), .array([.string(prompt)]), .array([ids(encoded)]),
        ] {
            #expect(choices(await ask([("prompt", value)])).map { $0["text"] } == [text])
        }
        let many = await ask([
            ("prompt", .array([.string("zwei"), .string(prompt)])), ("n", .int(2)),
        ])
        #expect(choices(many).map { $0["index"]?.integer } == [0, 1, 2, 3])
        #expect(choices(many)[2]["text"] == text && choices(many)[3]["text"] == text)
        #expect(choices(many)[0]["text"] != text)
    }

    // Of a prompt longer than one piece, as lm-eval's local-completions asks for it.
    @Test(arguments: [0, 1])
    func echoedLogProbabilitiesAreThoseOfTheModel(count: Int) async throws {
        let prompt: [Int32] = (0..<150).map { ($0 * 37 + 11) % 380 }
        let reply = await ask([
            ("prompt", ids(prompt)), ("max_tokens", .int(count)), ("temperature", .int(0)),
            ("logprobs", .int(1)), ("echo", .bool(true)), ("seed", .int(1234)),
        ])
        try #require(reply.status == 200, "\(reply.text)")
        let told = choices(reply)[0]["logprobs"]
        let numbers = try #require(told?["token_logprobs"]?.array)
        let tops = try #require(told?["top_logprobs"]?.array)
        #expect(numbers.count == 150 + count && tops.count == 150 + count)
        #expect(told?["tokens"]?.array?.count == 150 + count && numbers[0] == .null)
        let expected = try await sample.model.engine.perform { inference in
            try? inference.logProbabilities(prompt, of: "prompt")
        }
        // One computation in one piece, the other in two: float32 of two layers.
        for (found, expected) in zip(numbers.dropFirst(), try #require(expected)) {
            #expect(abs(try #require(found.double) - Double(expected)) < 1e-3)
        }
        for (top, number) in zip(tops, numbers).dropFirst() {
            let best = try #require(top.members?.compactMap { $0.value.double }.max())
            let own = try #require(number.double)
            #expect(best >= own)
            #expect((1...2).contains(top.members?.count ?? 0))
        }
        let text = try #require(choices(reply)[0]["text"]?.string)
        #expect(text.hasPrefix(sample.model.tokenizer.decode(prompt)))
    }

    @Test func aStreamIsTheContinuationInPieces() async throws {
        let asked: [JSONValue.Member] = [("prompt", .string("one two")), ("echo", .bool(true))]
        let whole = choices(await ask(asked))[0]
        let reply = await ask(asked + [("stream", .bool(true))])
        let pieces = reply.events.compactMap { $0["choices"]?.array?.first }
        #expect(pieces.compactMap { $0["text"]?.string }.joined() == whole["text"]?.string)
        #expect(pieces.last?["finish_reason"] == whole["finish_reason"])
        #expect(reply.text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test(arguments: [
        ("prompt", JSONValue.array([])), ("prompt", .int(1)), ("prompt", .array([.int(-1)])),
        ("prompt", .array([.int(99_999)])), ("prompt", .array([.array([])])),
        ("logprobs", .int(6)), ("best_of", .int(3)), ("max_tokens", .int(0)),
        ("suffix", .string("x")), ("messages", .array([])),
    ])
    func whatCannotBeFollowedIsRefusedByName(_ key: String, _ value: JSONValue) async {
        let base: [JSONValue.Member] = [("prompt", .string("a"))]
        let reply = await ask(base.filter { $0.key != key } + [(key, value)])
        #expect(reply.status == 400 && reply.error("param") == key, "\(key): \(reply.text)")
    }

    @Test func textsBecomeIdsAndBack() async throws {
        let text = "one two\nthree"
        let ids = sample.model.tokenizer.encode(text, addSpecialTokens: false)
        let reply = await sample.post("/tokenize", [("content", .string(text))])
        #expect(reply.json["tokens"] == self.ids(ids))
        #expect(reply.json["max_model_len"]?.integer == sample.model.engine.limit)
        let chat = await sample.post("/tokenize", [ServedSample.asking("hi")])
        #expect((chat.json["count"]?.integer ?? 0) > 2)
        let back = await sample.post("/detokenize", [("tokens", self.ids(ids))])
        #expect(back.json["content"]?.string == text)
        #expect(await sample.post("/detokenize", [("tokens", .string("a"))]).status == 400)
        #expect(await sample.post("/tokenize", []).status == 400)
    }

    @Test func figuresCountWhatWasDone() async throws {
        _ = await ask([("prompt", .string("one two")), ("max_tokens", .int(5))])
        _ = await ask([("prompt", .string("one two")), ("max_tokens", .int(5))])
        let text = await sample.get("/metrics").text
        func value(_ name: String) -> Double? {
            text.split(separator: "\n").first { $0.hasPrefix("lockstep:\(name) ") }
                .flatMap { Double($0.split(separator: " ")[1]) }
        }
        // The first token of each comes with its prompt.
        #expect(value("tokens_predicted_total") == 10 && value("n_decode_total") == 8)
        #expect(value("requests_finished_total") == 2 && value("requests_processing") == 0)
        #expect((value("prompt_tokens_total") ?? 0) > 2)
    }
}
