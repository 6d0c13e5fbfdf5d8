import Files

/// The OpenAPI document of some routes. Source: OpenAPI 3.1.0.
struct OpenAPIDocument {
    let json: JSONValue

    /// - Parameter routes: of which those are told that have a description.
    init(_ routes: [Route]) {
        var paths: [JSONValue.Member] = []
        for route in routes {
            guard let about = route.about else { continue }
            let path = route.path.replacing("*}", with: "}")
            let operation = Self.operation(route, about)
            let method = route.method.rawValue.lowercased()
            if let place = paths.firstIndex(where: { $0.key == path }) {
                paths[place].value = paths[place].value.setting(method, to: operation)
            } else {
                paths.append((path, .object([(method, operation)])))
            }
        }
        let information: [JSONValue.Member] = [
            ("title", .string("lockstep api")), ("version", .string("1")),
            ("description", .string("A model over OpenAI's HTTP API.")),
        ]
        let bearer: [JSONValue.Member] = [("type", .string("http")), ("scheme", .string("bearer"))]
        json = .object([
            ("openapi", .string("3.1.0")), ("info", .object(information)),
            ("paths", .object(paths)),
            (
                "components",
                .object([
                    ("schemas", .object([("Error", Self.error.json)])),
                    ("securitySchemes", .object([("key", .object(bearer))])),
                ])
            ),
        ])
    }

    private static func operation(_ route: Route, _ about: RouteDescription) -> JSONValue {
        var members: [JSONValue.Member] = [
            ("operationId", .string(about.name)), ("summary", .string(about.summary)),
        ]
        let parameters = route.parameterNames.map { name in
            JSONValue.object([
                ("name", .string(name)), ("in", .string("path")), ("required", .bool(true)),
                ("schema", Schema.text().json),
            ])
        }
        if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
        if let body = about.body {
            let content = JSONValue.object([
                ("application/json", .object([("schema", body.json)]))
            ])
            members.append(
                ("requestBody", .object([("required", .bool(true)), ("content", content)])))
        }
        var statuses = Set(about.problems + [403])
        if route.access == .key { statuses.formUnion([401, 503]) }
        if about.body != nil { statuses.formUnion([400, 404, 408, 413]) }
        var answers: [JSONValue.Member] = [("200", Self.answer(about.answer))]
        for status in statuses.sorted() { answers.append(("\(status)", Self.problem(status))) }
        members.append(("responses", .object(answers)))
        // The key is asked for where the server was given one.
        let key = JSONValue.object([("key", .array([]))])
        let security: [JSONValue] = route.access == .key ? [key, .object([])] : []
        members.append(("security", .array(security)))
        return .object(members)
    }

    private static func answer(_ content: RouteDescription.Content) -> JSONValue {
        var types: [JSONValue.Member] = []
        func add(_ type: String, _ schema: Schema) {
            types.append((type, .object([("schema", schema.json)])))
        }
        switch content {
        case .json(let schema): add("application/json", schema)
        case .jsonOrEvents(let schema, _):
            add("application/json", schema)
            // JSON of `event` after "data: ", an event a paragraph; which OpenAPI 3.1 cannot say.
            add("text/event-stream", .text())
        case .text: add("text/plain", .text())
        case .nothing: break
        }
        return .object([("description", .string("The answer")), ("content", .object(types))])
    }

    private static func problem(_ status: Int) -> JSONValue {
        let text =
            switch status {
            case 400: "A field that cannot be followed, by name"
            case 401: "No key, or another one"
            case 403: "A page of another site, or another host's name"
            case 404: "No such model"
            case 408: "The body did not come in time"
            case 413: "The body is too large"
            case 429: "Too many requests wait; retry-after says when to ask again"
            case 503: "The server stops, or has no model yet"
            default: "Something else"
            }
        let content = JSONValue.object([
            ("application/json", .object([("schema", Schema.named("Error").json)]))
        ])
        return .object([("description", .string(text)), ("content", content)])
    }

    private static let error = Schema.openObject(
        [
            (
                "error",
                .openObject(
                    [
                        ("message", .text()), ("type", .text()), ("param", Schema.text().orNull),
                        ("code", Schema.text().orNull),
                    ], required: ["message", "type", "param", "code"])
            )
        ], required: ["error"])
}
