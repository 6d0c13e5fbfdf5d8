/// `POST /v1/completions`
package struct CompletionRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/completions", endsWithClient: true) {
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
}
