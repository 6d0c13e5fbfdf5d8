import Files
import Tokenizers

/// `POST /tokenize`, `/detokenize`, with the fields of llama.cpp's server and of vLLM's.
package struct TokenRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/tokenize", about: Self.tokenizing) {
                [models] request throws(ServerProblem) in
                try Self.tokens(request, models)
            },
            Route(.post, "/detokenize", about: Self.detokenizing) {
                [models] request throws(ServerProblem) in
                try Self.text(request, models)
            },
        ]
    }

    /// Of a text, special tokens before it on demand; or of a conversation as it is asked.
    private static func tokens(
        _ request: ServerRequest, _ models: ServedModels
    ) throws(ServerProblem) -> ServerAnswer {
        let fields = try RequestFields(request)
        let model = try models.model(named: try fields.text("model"))
        var ids: [Int32]
        if fields["messages"] != nil {
            guard let encoder = model.encoder else {
                throw .invalid(model.templateProblem, param: "messages")
            }
            let messages = try ChatMessages(fields, for: encoder)
            do {
                ids = try encoder.promptIDs(
                    messages.messages,
                    system: messages.system.isEmpty ? model.settings.system : messages.system,
                    tools: "")
            } catch {
                throw .invalid("\(error)", param: "messages")
            }
        } else {
            let content = try fields.text("content")
            let prompt = try fields.text("prompt")
            guard let text = content ?? prompt else {
                throw .invalid("content: found nothing, expected text", param: "content")
            }
            let (short, long) = (
                try fields.boolean("add_special"), try fields.boolean("add_special_tokens")
            )
            ids = model.tokenizer.encode(text, addSpecialTokens: short ?? long ?? (content == nil))
        }
        try fields.refuseUnused()
        return .json(
            .object([
                ("tokens", .array(ids.map { .int(Int($0)) })), ("count", .int(ids.count)),
                ("max_model_len", .int(model.engine.limit)),
            ]))
    }

    private static func text(
        _ request: ServerRequest, _ models: ServedModels
    ) throws(ServerProblem) -> ServerAnswer {
        let fields = try RequestFields(request)
        let model = try models.model(named: try fields.text("model"))
        let list = fields["tokens"]?.array
        let ids = list?.compactMap { $0.integer.flatMap { Int32(exactly: $0) } } ?? []
        guard let list, ids.count == list.count else {
            throw fields.problem("tokens", fields["tokens"], "a list of ids")
        }
        try fields.refuseUnused()
        let text = JSONValue.string(model.tokenizer.decode(ids))
        return .json(.object([("content", text), ("prompt", text)]))
    }

    private static let tokenizing = RouteDescription(
        "tokenize", "The ids of a text, or of a conversation as it is asked",
        body: .object([
            ("model", Schema.text().orNull), ("content", Schema.text().orNull),
            ("prompt", Schema.text().orNull),
            ("messages", Schema.list(.openObject([("role", .text())], required: ["role"])).orNull),
            ("add_special", Schema.boolean.orNull), ("add_special_tokens", Schema.boolean.orNull),
        ]),
        answer: .json(
            .openObject(
                [("tokens", .list(.integer(0...Int.max))), ("count", .count)],
                required: ["tokens", "count", "max_model_len"])))

    private static let detokenizing = RouteDescription(
        "detokenize", "The text of ids",
        body: .object(
            [
                ("model", Schema.text().orNull),
                ("tokens", .list(.integer(Int(Int32.min)...Int(Int32.max)))),
            ], required: ["tokens"]),
        answer: .json(
            .openObject(
                [("content", .text()), ("prompt", .text())], required: ["content", "prompt"])))
}
