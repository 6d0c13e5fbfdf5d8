import Files
import Foundation

/// `POST /v1/chat/completions`
package struct ChatRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/chat/completions", endsWithClient: true) {
                [models] request throws(ServerProblem) in
                let chat = try ChatRequest(request, models)
                let reply = ChatReply(chat)
                let answers = try chat.answers()
                return chat.options.streams
                    ? .events(reply.stream(answers), endsWithServer: false)
                    : .json(try await reply.whole(answers))
            }
        ]
    }
}
