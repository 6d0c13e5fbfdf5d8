import Foundation
package import Metrics
package import Models
package import Objectives
package import TextData

/// Figures and files of what a model with a task's head says of held-out texts.
package struct LabelReport: Sendable {
    private let plan: TaskPlan
    private let labels: [ExampleLabel]

    /// - Parameter examples: in the order of the rows.
    package init(_ plan: TaskPlan, _ examples: [LabeledExample]) {
        self.plan = plan
        labels = examples.map(\.label)
    }

    /// How good the rows are, over those that have labels.
    package func figures(_ rows: [HeldOutRow]) -> [Figure] {
        guard plan.kind == .sequence else { return ofWords(rows) }
        switch plan.problem {
        case .singleLabel:
            let pairs = rows.compactMap { row in
                if case .one(let wanted) = labels[row.number] {
                    (LabelObjective.likeliest(row.values), Int(wanted))
                } else {
                    nil
                }
            }
            return LabelMetrics.figures(
                found: pairs.map(\.0), wanted: pairs.map(\.1), labels: plan.outputs)
        case .multiLabel:
            let pairs = numbered(rows)
            return LabelMetrics.figures(
                found: pairs.map { $0.found.map { $0 > 0 } },
                wanted: pairs.map { $0.wanted.map { $0 > 0.5 } })
        case .regression:
            let pairs = numbered(rows)
            let figures = LabelMetrics.figures(
                found: pairs.flatMap { $0.found.map { Double($0) } },
                wanted: pairs.flatMap { $0.wanted.map { Double($0) } })
            // Numbers of different kinds together have no order.
            return plan.outputs == 1 ? figures : figures.filter { $0.name == "mse" }
        }
    }

    private func numbered(_ rows: [HeldOutRow]) -> [(found: [Float], wanted: [Float])] {
        rows.compactMap { row in
            if case .numbers(let wanted) = labels[row.number] { (row.values, wanted) } else { nil }
        }
    }

    private func ofWords(_ rows: [HeldOutRow]) -> [Figure] {
        var (found, wanted): ([[String]], [[String]]) = ([], [])
        for row in rows {
            guard case .each(let targets) = labels[row.number] else { continue }
            let known = targets.filter { $0 != TokenBatch.ignoredTarget }
            guard known.allSatisfy({ $0 >= 0 }) else { continue }
            wanted.append(known.map { plan.labels[Int($0)] })
            found.append(row.values.map { plan.labels[Int($0)] })
        }
        return EntityMetrics.figures(found: found, wanted: wanted)
    }

    /// The rows' labels, under the names of the Hugging Face examples: a line a text, or the tags of a
    /// text's words.
    package func file(_ rows: [HeldOutRow]) -> PredictionFile {
        guard plan.kind == .sequence else {
            let lines = rows.map { row in
                row.values.map { plan.labels[Int($0)] }.joined(separator: " ") + "\n"
            }
            return PredictionFile(
                name: "predictions.txt", text: lines.joined(), count: rows.count)
        }
        let lines = rows.map { "\($0.number)\t\(text($0.values))\n" }
        return PredictionFile(
            name: "predict_results.txt", text: "index\tprediction\n" + lines.joined(),
            count: rows.count)
    }

    private func text(_ scores: [Float]) -> String {
        switch plan.problem {
        case .singleLabel: return plan.labels[LabelObjective.likeliest(scores)]
        case .regression:
            let numbers = scores.map { String(format: "%3.3f", $0) }
            return numbers.count == 1 ? numbers[0] : "[" + numbers.joined(separator: ", ") + "]"
        case .multiLabel:
            let names = zip(plan.labels, scores).filter { $0.1 > 0 }.map { "'\($0.0)'" }
            return "[" + names.joined(separator: ", ") + "]"
        }
    }
}

/// Labels of all held-out texts, for a file.
package struct LabelPredictor: HeldOutPredictor {
    /// What is held out, each dataset by itself where it has a name.
    package typealias Part = (name: String?, trials: any Trials, report: LabelReport)

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
            files.append(part.report.file(outcome.rows))
            outcomes.append(outcome)
            if outcome.isLeft { break }
            let prefix = part.name.map { $0 + "_" } ?? ""
            // Of rows without labels there is none.
            if outcome.targets > 0 {
                figures.append(Figure(name: prefix + "loss", value: outcome.loss))
            }
            figures += part.report.figures(outcome.rows).map {
                Figure(name: prefix + $0.name, value: $0.value)
            }
        }
        let isRoot = evaluator.communicator.rank == 0
        let first = files.first
        // One after another; their header once.
        let texts = files.enumerated().map { number, file in
            number == 0 || !file.text.hasPrefix("index\t")
                ? file.text : String(file.text.drop { $0 != "\n" }.dropFirst())
        }
        let file = PredictionFile(
            name: first?.name ?? "predict_results.txt", text: isRoot ? texts.joined() : "",
            count: files.reduce(0) { $0 + $1.count })
        return PredictionOutcome(
            file: file,
            figures: figures, samples: file.count, batches: outcomes.reduce(0) { $0 + $1.batches },
            isLeft: outcomes.contains(where: \.isLeft))
    }
}
