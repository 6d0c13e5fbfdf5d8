import Files

/// `POST /v1/score/evaluation`: a reward model's scores, as LLaMA-Factory's server gives them.
package struct ScoreRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/score/evaluation", endsWithClient: true, about: Self.about) {
                [models] request throws(ServerProblem) in
                let fields = try RequestFields(request)
                let model: ServedRewards = try models.entry(
                    named: try fields.text("model"), "gives scores")
                let longest = try fields.integer("max_length", 1...Int.max)
                let texts = try Self.texts(fields)
                try fields.refuseUnused()
                let scores = try await model.scores(of: texts, longest: longest)
                return .json(
                    .object([
                        ("id", .string("scoreval-" + RandomName.make())),
                        ("object", .string("score.evaluation")), ("model", .string(model.name)),
                        ("scores", .array(scores.map { .double(Double($0)) })),
                    ]))
            }
        ]
    }

    private static func texts(_ fields: RequestFields) throws(ServerProblem) -> [String] {
        let list = fields["messages"]?.array ?? []
        let texts = list.compactMap(\.string)
        guard !texts.isEmpty, texts.count == list.count, texts.count <= 2048 else {
            throw fields.problem(
                "messages", fields["messages"], "a list of 1 to 2048 texts, written as in training")
        }
        return texts
    }

    private static let about = RouteDescription(
        "createScores", "A reward model's scores of texts",
        body: .object(
            [
                ("model", Schema.text().orNull),
                ("messages", .list(.text(), 1...2048)),
                (
                    "max_length",
                    Schema.integer(1...Int.max).orNull.about(
                        "Tokens of a text that are read; without it longer texts are refused.")
                ),
            ], required: ["messages"]),
        answer: .json(
            .openObject(
                [
                    ("id", .text()), ("object", .word("score.evaluation")), ("model", .text()),
                    ("scores", .list(.number)),
                ], required: ["id", "object", "model", "scores"])), problems: [429])
}
