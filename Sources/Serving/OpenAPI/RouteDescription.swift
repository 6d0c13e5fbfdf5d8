/// What an OpenAPI document says of a route.
package struct RouteDescription: Sendable {
    /// What an answer holds.
    package enum Content: Sendable {
        case json(Schema)
        /// JSON, or server-sent events where the request asks for a stream; each of a schema.
        case jsonOrEvents(Schema, event: Schema)
        case text
        case nothing
    }

    /// The route's name in programs that are made from the document.
    package let name: String
    package let summary: String
    /// A request's body; `nil` where there is none.
    package let body: Schema?
    package let answer: Content
    /// What else it answers, by HTTP's number; errors have ``OpenAPIDocument``'s shape.
    package let problems: [Int]

    /// - Parameter problems: those that are the route's own; what every route may answer is added.
    package init(
        _ name: String, _ summary: String, body: Schema? = nil, answer: Content,
        problems: [Int] = []
    ) {
        self.name = name
        self.summary = summary
        self.body = body
        self.answer = answer
        self.problems = problems
    }
}
