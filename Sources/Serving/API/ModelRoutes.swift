import Files

/// `GET /health`, `/v1/models`, `/v1/models/{id}`
package struct ModelRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.get, "/health", access: .open) { [models] _ throws(ServerProblem) in
                guard !models.all.isEmpty else {
                    throw ServerProblem(503, "Loading model", type: "unavailable_error")
                }
                return .json(.object([("status", .string("ok"))]))
            },
            Route(.get, "/v1/models") { [models] _ throws(ServerProblem) in
                .json(
                    .object([
                        ("object", .string("list")), ("data", .array(models.all.map(Self.json))),
                    ]))
            },
            // Names may have slashes, as the hub's do.
            Route(.get, "/v1/models/{id*}") { [models] request throws(ServerProblem) in
                .json(Self.json(try models.model(named: request.parameters["id"])))
            },
        ]
    }

    private static func json(_ model: ServedModel) -> JSONValue {
        .object([
            ("id", .string(model.name)), ("object", .string("model")),
            ("created", .int(model.created)), ("owned_by", .string("lockstep")),
        ])
    }
}
