import Configuration
import Files
import Foundation
import ModelFiles
import Serving
import TestSupport
import Testing

/// `/v1/embeddings` and `/v1/score/evaluation`.
@Suite struct VectorRouteTests {
    private let sample: ServedSample

    init() throws { sample = try ServedSample(slots: 2) }

    private func configuration(_ path: String) throws -> RunConfiguration {
        try RunConfiguration(
            values: ["model_name_or_path": ConfigurationValue(.string(path))], command: .chat)
    }

    private func vectors(_ reply: Reply) -> [[Float]] {
        (reply.json["data"]?.array ?? []).map { entry in
            (entry["embedding"]?.array ?? []).compactMap { $0.double.map(Float.init) }
        }
    }

    private func ask(_ input: JSONValue, _ more: [JSONValue.Member] = []) async -> Reply {
        await sample.post("/v1/embeddings", [("input", input)] + more)
    }

    // The decoder that writes texts makes vectors, too: those of `lockstep embed`.
    @Test func aDecoderMakesTheVectorsOfItsStates() async throws {
        let reply = await ask(.array([.string("one two"), .string("three")]))
        try #require(reply.status == 200, "\(reply.text)")
        let model = try SentenceModel(path: sample.folder.path, threads: 1)
        let texts = try ["one two", "three"].map { (try model.marked($0, "a text"), "a text") }
        let expected = try model.embeddings(of: texts)
        #expect(vectors(reply) == expected)
        #expect(reply.json["data"]?.array?.map { $0["index"]?.integer } == [0, 1])
        let count = texts.reduce(0) { $0 + $1.0.ids.count }
        #expect(reply.json["usage"]?["prompt_tokens"]?.integer == count)
        // Its ids give the same, with no special token added.
        let ids = JSONValue.array(texts[0].0.ids.map { .int(Int($0)) })
        let alone = vectors(await ask(ids))
        let inList = vectors(await ask(.array([ids])))
        let ofText = vectors(await ask(.string("one two")))
        #expect(alone == inList && alone == ofText)
    }

    @Test func base64IsTheSameNumbers() async throws {
        let plain = try #require(vectors(await ask(.string("one"))).first)
        let reply = await ask(.string("one"), [("encoding_format", .string("base64"))])
        let text = try #require(reply.json["data"]?.array?.first?["embedding"]?.string)
        let bytes = try #require(Data(base64Encoded: text))
        let numbers = stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(
                bitPattern: (0..<4).reduce(UInt32(0)) {
                    $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1)
                })
        }
        #expect(numbers == plain)
    }

    private static let refusals: [(JSONValue, [JSONValue.Member], String)] = [
        (.array([]), [], "input"), (.int(3), [], "input"),
        (.array([.string("a"), .int(3)]), [], "input"), (.array([.array([])]), [], "input"),
        (.array([.int(99_999)]), [], "vocabulary"),
        (.string("a"), [("encoding_format", .string("hex"))], "encoding_format"),
        (.string("a"), [("dimensions", .int(7))], "dimensions"),
        (.string("a"), [("model", .string("other"))], "other"),
    ]

    @Test(arguments: refusals)
    func whatCannotBeMadeIsRefused(
        _ input: JSONValue, _ more: [JSONValue.Member], _ word: String
    ) async throws {
        let reply = await ask(input, more)
        #expect(reply.status == 400 || reply.status == 404, "\(reply.text)")
        #expect(reply.error("message")?.contains(word) == true, "\(reply.text)")
    }

    @Test func aTextThatIsTooLongIsCutOnlyWhereThatIsAskedFor() async throws {
        let folder = try ModelFolder("model", in: "sentence_folders")
        sample.models.add(
            try ServedVectors(
                try configuration(folder.path), path: folder.path, name: "vectors", threads: 1))
        let long = JSONValue.string(String(repeating: "one two ", count: 5000))
        let model: JSONValue.Member = ("model", .string("vectors"))
        let refused = await ask(long, [model])
        #expect(refused.status == 400 && refused.error("message")?.contains("tokens") == true)
        let cut = await ask(long, [model, ("truncate", .bool(true))])
        #expect(cut.status == 200 && vectors(cut).count == 1, "\(cut.text)")
        withExtendedLifetime(folder) {}
    }

    @Test func modelsAreAskedOnlyForWhatTheyDo() async throws {
        let folder = try ModelFolder("score", in: "preference_rewards")
        let rewards = try ServedRewards(
            try configuration(folder.path), path: folder.path, name: "judge", threads: 1)
        sample.models.add(rewards)
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"] {
            let reply = await sample.post(
                path,
                [
                    ("model", .string("judge")), ServedSample.asking("a"), ("prompt", .string("a")),
                    ("input", .string("a")),
                ])
            #expect(reply.status == 400 && reply.error("code") == "wrong_kind_of_model")
        }
        let texts: [JSONValue] = [.string("one two"), .string("three")]
        let wrong = await sample.post(
            "/v1/score/evaluation", [("messages", .array(texts)), ("model", .string("tiny"))])
        #expect(wrong.status == 400 && wrong.error("code") == "wrong_kind_of_model")
        // Without a name the model is meant that can.
        let reply = await sample.post("/v1/score/evaluation", [("messages", .array(texts))])
        try #require(reply.status == 200, "\(reply.text)")
        #expect(reply.json["model"]?.string == "judge")
        let inference = try InferenceModel.withRewards(
            path: folder.path, adapters: [], computeType: .float32, threads: 1)
        let expected = try ["one two", "three"].map { text in
            try inference.reward(
                inference.tokenizer?.encode(text, addSpecialTokens: false) ?? [], of: text)
        }
        #expect(
            reply.json["scores"]?.array?.compactMap { $0.double.map(Float.init) }
                == expected.compactMap { $0 })
        // Both are listed.
        let listed = await sample.get("/v1/models").json["data"]?.array
        #expect(listed?.compactMap { $0["id"]?.string } == ["tiny", "judge"])
        withExtendedLifetime(folder) {}
    }

    @Test func theKindOfAModelIsReadFromItsFiles() throws {
        for (name, topic, kind) in [
            ("model", "finetuning", ServedKind.texts), ("score", "preference_rewards", .rewards),
        ] {
            let folder = try ModelFolder(name, in: topic)
            #expect(try ServedKind.of(try configuration(folder.path)) == kind, "\(topic)")
            withExtendedLifetime(folder) {}
        }
        let folder = try ModelFolder("model", in: "sentence_folders")
        #expect(try ServedKind.of(try configuration(folder.path)) == .vectors)
        withExtendedLifetime(folder) {}
    }
}
