import Files
package import Metrics
package import Models
package import Objectives
package import TextData

/// Figures and files of what a model answers to held-out questions.
package struct AnswerReport: Sendable {
    private let questions: [HeldOutQuestion]
    private let settings: AnswerSettings
    private let search: AnswerSearch

    package init(_ questions: [HeldOutQuestion], _ settings: AnswerSettings) {
        self.questions = questions
        self.settings = settings
        search = AnswerSearch(settings)
    }

    /// - Parameter rows: of all windows, in order.
    private func results(_ rows: [HeldOutRow]) -> [AnswerSearch.Result] {
        var scores = rows[...]
        return questions.map { question in
            let own = scores.prefix(question.windows.count).map(\.values)
            scores = scores.dropFirst(question.windows.count)
            return search.result(question, own)
        }
    }

    /// How good the answers are, over the questions whose answers are known.
    package func figures(_ rows: [HeldOutRow]) -> [Figure] { figures(results(rows)) }

    private func figures(_ results: [AnswerSearch.Result]) -> [Figure] {
        let cases = zip(questions, results).compactMap { question, result in
            question.answers.map {
                AnswerMetrics.Case(
                    found: result.answer, wanted: $0, oddsOfNone: Double(result.oddsOfNone))
            }
        }
        return settings.allowsNone
            ? AnswerMetrics.figuresWithNone(cases) : AnswerMetrics.figures(cases)
    }

    /// The Hugging Face example's files: the answers, the likeliest ones, and where some questions have
    /// none, by how much none is likelier.
    ///
    /// - Parameter prefix: what their names begin with: `eval`, `predict`.
    package func files(_ rows: [HeldOutRow], prefix: String) -> [PredictionFile] {
        let results = results(rows)
        func file(_ name: String, _ value: (AnswerSearch.Result) -> JSONValue) -> PredictionFile {
            let members = zip(questions, results).map { (key: $0.id, value: value($1)) }
            return PredictionFile(
                name: "\(prefix)_\(name).json",
                text: JSONValue.object(members).text(indent: 4) + "\n",
                count: questions.count)
        }
        let files = [
            file("predictions") { .string($0.answer) },
            file("nbest_predictions") { .array($0.candidates.map(\.json)) },
        ]
        guard settings.allowsNone else { return files }
        return files + [file("null_odds") { .double(Double($0.oddsOfNone)) }]
    }
}

extension AnswerCandidate {
    fileprivate var json: JSONValue {
        .object([
            ("start_logit", .double(Double(startLogit))),
            ("end_logit", .double(Double(endLogit))),
            ("text", .string(text)), ("probability", .double(Double(probability))),
        ])
    }
}

/// Answers to all held-out questions, for files.
package struct AnswerPredictor: HeldOutPredictor {
    /// What is held out, each dataset by itself where it has a name.
    package typealias Part = (name: String?, trials: any Trials, report: AnswerReport)

    private let parts: [Part]

    package init(_ parts: [Part]) { self.parts = parts }

    package var notice: String? { nil }
    package var isPartOfEvaluation: Bool { false }

    package func run(
        _ model: any LanguageModel, on evaluator: Evaluator, stepped: () -> Void,
        leaves: () -> Bool
    ) throws(EvaluationError) -> PredictionOutcome {
        var files: [PredictionFile] = []
        var outcomes: [EvaluationOutcome] = []
        var figures: [Figure] = []
        for part in parts {
            let outcome = try evaluator.evaluate(part.trials, stepped: stepped, leaves: leaves)
            outcomes.append(outcome)
            if outcome.isLeft { break }
            let prefix = part.name.map { $0 + "_" } ?? ""
            // Of questions without answers there is no loss.
            if outcome.targets > 0 {
                figures.append(Figure(name: prefix + "loss", value: outcome.loss))
            }
            figures += part.report.figures(outcome.rows).map {
                Figure(name: prefix + $0.name, value: $0.value)
            }
            guard evaluator.communicator.rank == 0 else { continue }
            files += part.report.files(
                outcome.rows, prefix: part.name.map { "predict_\($0)" } ?? "predict")
        }
        let empty = PredictionFile(name: "predict_predictions.json", text: "{}\n", count: 0)
        var outcome = PredictionOutcome(
            file: files.first ?? empty, figures: figures,
            samples: outcomes.reduce(0) { $0 + $1.rows.count },
            batches: outcomes.reduce(0) { $0 + $1.batches },
            isLeft: outcomes.contains(where: \.isLeft))
        outcome.further = Array(files.dropFirst())
        return outcome
    }
}
