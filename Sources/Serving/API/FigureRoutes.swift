import Generation

/// `GET /metrics`: what the engines have done, for Prometheus, under llama.cpp's names.
package struct FigureRoutes: RouteGroup {
    private let models: ServedModels
    private let replicas: ReplicaSet?

    /// - Parameter replicas: those whose figures are told, too.
    package init(_ models: ServedModels, _ replicas: ReplicaSet? = nil) {
        self.models = models
        self.replicas = replicas
    }

    package var routes: [Route] {
        [
            Route(.get, "/metrics", about: Self.about) {
                [models, replicas] _ throws(ServerProblem) in
                let others = try await replicas?.figures() ?? []
                let text = Self.text(others.reduce(models.figures, +))
                return .text(
                    text + (replicas.map { Self.text(ofTotals: $0.totals) } ?? ""),
                    type: "text/plain; version=0.0.4; charset=utf-8")
            }
        ]
    }

    private static let about = RouteDescription(
        "metrics", "Figures for Prometheus", answer: .text)

    /// Source: Prometheus, text-based exposition format 0.0.4.
    private static func text(_ sum: EngineFigures) -> String {
        func rate(_ count: Double, _ seconds: Double) -> Double {
            seconds > 0 ? count / seconds : 0
        }
        let prompt = (Double(sum.promptTokens), sum.promptSeconds)
        let answer = (Double(sum.answerTokens), sum.answerSeconds)
        let (passes, rows) = (Double(sum.passes), Double(sum.rows))
        let figures: [(name: String, kind: String, help: String, value: Double)] = [
            ("prompt_tokens_total", "counter", "Prompt tokens computed.", prompt.0),
            ("prompt_seconds_total", "counter", "Seconds of computing prompts.", prompt.1),
            (
                "prompt_tokens_reused_total", "counter", "Prompt tokens that were there already.",
                Double(sum.reusedTokens)
            ),
            ("tokens_predicted_total", "counter", "Tokens of answers.", answer.0),
            ("tokens_predicted_seconds_total", "counter", "Seconds of computing them.", answer.1),
            ("prompt_tokens_seconds", "gauge", "Prompt tokens a second.", rate(prompt.0, prompt.1)),
            (
                "predicted_tokens_seconds", "gauge", "Answer tokens a second of passes.",
                rate(rows, answer.1)
            ),
            (
                "requests_processing", "gauge", "Requests that have a slot.",
                Double(sum.running)
            ),
            ("requests_deferred", "gauge", "Requests that wait.", Double(sum.waiting)),
            (
                "requests_finished_total", "counter", "Requests that ended.",
                Double(sum.finished)
            ),
            ("n_decode_total", "counter", "Passes that computed next tokens.", passes),
            (
                "n_busy_slots_per_decode", "gauge", "Answers computed in one pass, on average.",
                rate(rows, passes)
            ),
        ]
        return figures.map {
            """
            # HELP lockstep:\($0.name) \($0.help)
            # TYPE lockstep:\($0.name) \($0.kind)
            lockstep:\($0.name) \($0.value)

            """
        }.joined()
    }

    /// - Parameter totals: requests that each replica has had, by rank.
    private static func text(ofTotals totals: [Int]) -> String {
        let name = "lockstep:replica_requests_total"
        let lines = totals.enumerated().map { "\(name){rank=\"\($0.offset)\"} \($0.element)" }
        return """
            # HELP \(name) Requests that were given to each rank.
            # TYPE \(name) counter
            \(lines.joined(separator: "\n"))

            """
    }
}
