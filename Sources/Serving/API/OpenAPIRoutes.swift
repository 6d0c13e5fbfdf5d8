import Files

/// `GET /openapi.json`: what the server answers, for programs that read such documents.
package struct OpenAPIRoutes: RouteGroup {
    private let described: [Route]

    /// - Parameter routes: all others of the API.
    package init(of routes: [Route]) { described = routes }

    package var routes: [Route] {
        let about = RouteDescription(
            "openapi", "This document",
            answer: .json(.openObject([("openapi", .text())], required: ["openapi"])))
        func route(_ document: JSONValue) -> Route {
            Route(.get, "/openapi.json", access: .open, about: about) { _ throws(ServerProblem) in
                .json(document)
            }
        }
        // The document tells of itself, too.
        return [route(OpenAPIDocument(described + [route(.null)]).json)]
    }
}
