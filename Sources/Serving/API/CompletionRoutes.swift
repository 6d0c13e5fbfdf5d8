/// `POST /v1/completions`
package struct CompletionRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/completions", endsWithClient: true, about: Self.about) {
                [models] request throws(ServerProblem) in
                let completion = try CompletionRequest(request, models)
                let reply = CompletionReply(completion)
                let answers = try completion.answers()
                return completion.options.streams
                    ? .events(reply.stream(answers), endsWithServer: false)
                    : .json(try await reply.whole(answers))
            }
        ]
    }

    private static let ids = Schema.list(.integer(0...Int(Int32.max)), 1...Int.max)

    private static let fields: [(String, Schema)] =
        [
            ("prompt", .either(.text(), ids, .list(.either(.text(), ids), 1...2048))),
            (
                "max_tokens",
                Schema.integer(0...Int.max).orNull.about("16; 0 with echo only.")
            ),
            ("echo", Schema.boolean.orNull),
            ("logprobs", Schema.integer(0...5).orNull),
            ("best_of", Schema.integer(1...128).orNull.about("What n is: every answer is given.")),
        ] + AnswerOptions.described

    private static let about = RouteDescription(
        "createCompletion", "Continuations of texts",
        body: .object(fields, required: ["prompt"]),
        answer: .jsonOrEvents(
            answer(AnswerOptions.describedUsage),
            event: answer(
                AnswerOptions.describedUsage.orNull)), problems: [429])

    private static func answer(_ usage: Schema) -> Schema {
        AnswerOptions.describedAnswer(
            "text_completion",
            choice: [
                ("text", .text()), ("logprobs", Schema.openObject().orNull),
                ("finish_reason", AnswerOptions.describedFinish),
            ], usage: usage)
    }
}
