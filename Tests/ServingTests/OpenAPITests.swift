import Configuration
import Files
import Foundation
import Serving
import TestSupport
import Testing

/// `/openapi.json` tells of what is served, and of nothing else.
@Suite struct OpenAPITests {
    private let sample: ServedSample

    init() throws { sample = try ServedSample() }

    private func document() async -> JSONValue { await sample.get("/openapi.json").json }

    @Test func everyRouteIsInTheDocumentAndNoOther() async throws {
        let served = APIRoutes(sample.models).routes.map {
            "\($0.method.rawValue) \($0.path.replacing("*}", with: "}"))"
        }
        let document = await document()
        #expect(document["openapi"]?.string == "3.1.0")
        let paths = try #require(document["paths"]?.members)
        let told = paths.flatMap { path in
            (path.value.members ?? []).map { "\($0.key.uppercased()) \(path.key)" }
        }
        #expect(told.sorted() == served.sorted())
        let names = paths.flatMap { path in
            (path.value.members ?? []).compactMap { $0.value["operationId"]?.string }
        }
        #expect(Set(names).count == served.count, "names are different")
    }

    /// A body that an endpoint understands, several where it has forms that exclude one another.
    private static let bodies: [(String, [[JSONValue.Member]])] = [
        ("/v1/chat/completions", [[ServedSample.asking("one")]]),
        ("/v1/completions", [[("prompt", .string("one"))]]),
        ("/v1/embeddings", [[("input", .string("one"))]]),
        ("/v1/score/evaluation", [[("messages", .array([.string("one")]))]]),
        ("/tokenize", [[("content", .string("one"))], [ServedSample.asking("one")]]),
        ("/detokenize", [[("tokens", .array([.int(3)]))]]),
    ]

    /// The refusal of a field that is unknown names those that are known.
    @Test func theFieldsThatAreToldAreThoseThatAreRead() async throws {
        let folder = try ModelFolder("score", in: "preference_rewards")
        let configuration = try RunConfiguration(
            values: ["model_name_or_path": ConfigurationValue(.string(folder.path))],
            command: .chat)
        sample.models.add(
            try ServedRewards(configuration, path: folder.path, name: "judge", threads: 1))
        let document = await document()
        for (path, bodies) in Self.bodies {
            let schema = document["paths"]?[path]?["post"]?["requestBody"]?["content"]?[
                "application/json"]?["schema"]
            let told = try #require(schema?["properties"]?.members, "\(path)").map(\.key)
            var read: Set<String> = []
            for body in bodies {
                let reply = await sample.post(path, body + [("no_such_field", .int(1))])
                let message = reply.error("message") ?? ""
                try #require(reply.status == 400 && message.contains("known: "), "\(reply.text)")
                read.formUnion(
                    message.components(separatedBy: "known: ")[1].components(separatedBy: ", "))
            }
            #expect(Set(told) == read, "\(path)")
            #expect(
                await sample.post(path, bodies[0] + [("no_such_field", .object([]))]).status == 400)
        }
        let posts = document["paths"]?.members?.filter { $0.value["post"] != nil }.map(\.key)
        #expect(posts?.sorted() == Self.bodies.map(\.0).sorted(), "all of them were asked")
        withExtendedLifetime(folder) {}
    }

    @Test func methodsThatAreNotThereAreToldWhichAre() async throws {
        let reply = await sample.get("/v1/completions")
        #expect(reply.status == 405 && reply.headers["allow"] == "POST")
        let request = ServerRequest("DELETE", "/v1/models")
        let other = await Reply(sample.server.respond(request))
        #expect(other.status == 405 && other.headers["allow"] == "GET, HEAD")
    }
}
