import Configuration
import Files
import Foundation
import Generation
import Serving
import TestSupport

/// A tiny model that is served, gone with its owner.
final class ServedSample {
    let folder: ModelFolder
    let models = ServedModels()
    let model: ServedModel
    let server: HTTPServer

    /// - Parameters:
    ///   - contents: further keys of the configuration.
    ///   - environment: of the server.
    ///   - generation: generation_config.json, where it is not the model's own.
    ///   - chatTemplate: the model's own, for `template: null`.
    init(
        _ contents: [String: ConfigurationValue.Content] = [:], slots: Int = 4, queue: Int = 64,
        environment: [String: String] = [:], pageToken: String? = nil, routes: [Route] = [],
        generation: String? = nil, chatTemplate: String? = nil
    ) throws {
        folder = try ModelFolder("model", in: "finetuning")
        try generation?.write(
            toFile: folder.path + "/generation_config.json", atomically: true, encoding: .utf8)
        try chatTemplate?.write(
            toFile: folder.path + "/chat_template.jinja", atomically: true, encoding: .utf8)
        // Descriptions of tools are long where a vocabulary is small.
        try folder.change([("max_position_embeddings", .int(4096))])
        var all: [String: ConfigurationValue.Content] = [
            "template": .string("chatml"), "model_name_or_path": .string(folder.path),
            "max_new_tokens": .int(12), "threads_per_rank": .int(1), "temperature": .double(0),
        ]
        all.merge(contents) { $1 }
        let configuration = try RunConfiguration(
            values: all.mapValues { ConfigurationValue($0) }, command: .chat)
        var settings = AnswerEngine.Settings()
        settings.slots = slots
        settings.queueLimit = queue
        model = try ServedModel(configuration, name: "tiny", threads: 1, settings)
        models.add(model)
        server = HTTPServer(
            try ServerAddress(environment: environment.merging(["API_PORT": "0"]) { $1 }),
            routes: APIRoutes(models).routes + routes, pageToken: pageToken)
    }

    deinit { models.stop(within: 0) }

    /// What the server says to a body.
    func post(
        _ path: String, _ body: [JSONValue.Member], headers: [String: String] = [:]
    ) async -> Reply {
        let request = ServerRequest(
            "POST", path, headers: headers, body: Array(JSONValue.object(body).text().utf8))
        return await Reply(server.respond(request))
    }

    func get(_ path: String, headers: [String: String] = [:]) async -> Reply {
        await Reply(server.respond(ServerRequest("GET", path, headers: headers)))
    }

    /// A conversation of one question.
    static func asking(_ question: String) -> JSONValue.Member {
        (
            "messages",
            .array([.object([("role", .string("user")), ("content", .string(question))])])
        )
    }
}

/// An answer of the server, whole.
struct Reply {
    let status: Int
    let headers: [String: String]
    let text: String

    init(_ answer: ServerAnswer) async {
        status = answer.status
        headers = Dictionary(answer.headers.map { ($0.name, $0.value) }) { $1 }
        text = String(decoding: await answer.body(), as: UTF8.self)
    }

    /// The body as JSON; null where it is none.
    var json: JSONValue { (try? JSONValueReader.read(text)) ?? .null }

    /// What is in `error`.
    func error(_ key: String) -> String? { json["error"]?[key]?.string }

    /// The data of server-sent events, `[DONE]` left out.
    var events: [JSONValue] {
        text.components(separatedBy: "\n\n").compactMap { event in
            guard event.hasPrefix("data: ") else { return nil }
            return try? JSONValueReader.read(String(event.dropFirst(6)))
        }
    }
}
