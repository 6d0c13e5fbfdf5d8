import Files
import Serving

extension BoardRoutes {
    /// The model of the chat tab, which the API's own endpoints answer with.
    var modelRoutes: [Route] {
        [
            Route(.get, "/board/api/model", access: .page) { _ in .json(model) },
            Route(.post, "/board/api/model/load", access: .page) { request throws(ServerProblem) in
                let form = try BoardForm(try request.json()["form"] ?? .null)
                let settings = try form.chatSettings
                try folders.check(settings)
                let notes = try services.load(YAMLText.lines(settings))
                return .json(
                    .object([
                        ("loaded", services.loaded().map { .string($0) } ?? .null),
                        ("notes", .array(notes.map { .string($0) })),
                    ]))
            },
            Route(.post, "/board/api/model/unload", access: .page) { _ in
                services.unload()
                return .json(model)
            },
        ]
    }

    private var model: JSONValue {
        .object([("loaded", services.loaded().map { .string($0) } ?? .null)])
    }
}
