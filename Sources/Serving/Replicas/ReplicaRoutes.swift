import Files
import Generation

/// What a replica answers to the process in front of it alone, which has its key.
package struct ReplicaRoutes: RouteGroup {
    private let models: ServedModels
    private let stop: @Sendable () -> Void

    /// - Parameter stop: called when the replica is to end.
    package init(_ models: ServedModels, stop: @escaping @Sendable () -> Void) {
        self.models = models
        self.stop = stop
    }

    static let figuresPath = "/replica/figures"
    static let stopPath = "/replica/stop"

    package var routes: [Route] {
        [
            Route(.get, Self.figuresPath) { [models] _ throws(ServerProblem) in
                .json(models.figures.json)
            },
            Route(.post, Self.stopPath) { [stop] _ throws(ServerProblem) in
                stop()
                return .json(.object([("status", .string("stopping"))]))
            },
        ]
    }
}

extension EngineFigures {
    private static let counts: [(String, any WritableKeyPath<EngineFigures, Int> & Sendable)] = [
        ("prompt_tokens", \.promptTokens), ("reused_tokens", \.reusedTokens),
        ("answer_tokens", \.answerTokens), ("passes", \.passes), ("rows", \.rows),
        ("running", \.running), ("waiting", \.waiting), ("finished", \.finished),
    ]
    private static let times: [(String, any WritableKeyPath<EngineFigures, Double> & Sendable)] = [
        ("prompt_seconds", \.promptSeconds), ("answer_seconds", \.answerSeconds),
    ]

    /// What ``init(json:)`` reads.
    var json: JSONValue {
        .object(
            Self.counts.map { ($0.0, .int(self[keyPath: $0.1])) }
                + Self.times.map { ($0.0, .double(self[keyPath: $0.1])) })
    }

    /// Figures that ``json`` wrote; 0 where one is missing.
    init(json: JSONValue) {
        self.init()
        for (name, path) in Self.counts { self[keyPath: path] = json[name]?.integer ?? 0 }
        for (name, path) in Self.times { self[keyPath: path] = json[name]?.double ?? 0 }
    }

    /// Both together.
    static func + (a: EngineFigures, b: EngineFigures) -> EngineFigures {
        var sum = a
        for (_, path) in counts { sum[keyPath: path] += b[keyPath: path] }
        for (_, path) in times { sum[keyPath: path] += b[keyPath: path] }
        return sum
    }
}
