import Files

/// `GET /health`, `/v1/models`, `/v1/models/{id}`
package struct ModelRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.get, "/health", access: .open, about: Self.health) {
                [models] _ throws(ServerProblem) in
                guard !models.offered.isEmpty else {
                    throw ServerProblem(503, "Loading model", type: "unavailable_error")
                }
                return .json(.object([("status", .string("ok"))]))
            },
            Route(.get, "/v1/models", about: Self.list) { [models] _ throws(ServerProblem) in
                .json(
                    .object([
                        ("object", .string("list")),
                        ("data", .array(models.offered.map(Self.json))),
                    ]))
            },
            // Names may have slashes, as the hub's do.
            Route(.get, "/v1/models/{id*}", about: Self.one) {
                [models] request throws(ServerProblem) in
                .json(Self.json(try models.entry(named: request.parameters["id"])))
            },
        ]
    }

    private static let health = RouteDescription(
        "health", "Whether a model is there",
        answer: .json(.openObject([("status", .word("ok"))], required: ["status"])),
        problems: [503])
    private static let list = RouteDescription(
        "listModels", "The models that can be asked",
        answer: .json(
            .openObject(
                [("object", .word("list")), ("data", .list(model))], required: ["object", "data"])))
    private static let one = RouteDescription(
        "retrieveModel", "One of them", answer: .json(model), problems: [400, 404])
    private static let model = Schema.openObject(
        [
            ("id", .text()), ("object", .word("model")), ("created", .count), ("owned_by", .text()),
        ], required: ["id", "object", "created", "owned_by"])

    private static func json(_ model: any ServedEntry) -> JSONValue {
        .object([
            ("id", .string(model.name)), ("object", .string("model")),
            ("created", .int(model.created)), ("owned_by", .string("lockstep")),
        ])
    }
}
