import Generation

/// `GET /metrics`: what the engines have done, for Prometheus, under llama.cpp's names.
package struct FigureRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.get, "/metrics", about: Self.about) { [models] _ throws(ServerProblem) in
                .text(
                    // Adapters share their base's engine.
                    Self.text(models.all.filter { $0.adapter == nil }.map(\.engine.figures)),
                    type: "text/plain; version=0.0.4; charset=utf-8")
            }
        ]
    }

    private static let about = RouteDescription(
        "metrics", "Figures for Prometheus", answer: .text)

    /// Source: Prometheus, text-based exposition format 0.0.4.
    private static func text(_ all: [EngineFigures]) -> String {
        func sum(_ figure: (EngineFigures) -> Double) -> Double {
            all.reduce(0) { $0 + figure($1) }
        }
        func rate(_ count: Double, _ seconds: Double) -> Double {
            seconds > 0 ? count / seconds : 0
        }
        let prompt = (sum { Double($0.promptTokens) }, sum(\.promptSeconds))
        let answer = (sum { Double($0.answerTokens) }, sum(\.answerSeconds))
        let (passes, rows) = (sum { Double($0.passes) }, sum { Double($0.rows) })
        let figures: [(name: String, kind: String, help: String, value: Double)] = [
            ("prompt_tokens_total", "counter", "Prompt tokens computed.", prompt.0),
            ("prompt_seconds_total", "counter", "Seconds of computing prompts.", prompt.1),
            (
                "prompt_tokens_reused_total", "counter", "Prompt tokens that were there already.",
                sum { Double($0.reusedTokens) }
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
                sum { Double($0.running) }
            ),
            ("requests_deferred", "gauge", "Requests that wait.", sum { Double($0.waiting) }),
            (
                "requests_finished_total", "counter", "Requests that ended.",
                sum { Double($0.finished) }
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
}
