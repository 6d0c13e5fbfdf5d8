import Files
import Foundation
import Metrics
import Templates

/// CORE, the mean of 22 centred accuracies, as a metric of pretrained models.
///
/// Source: Li et al. 2024, arXiv:2406.11794 (DCLM), section 3.5, by nanochat's program (core_eval.py): its
/// shuffle, its shots and its prompts.
struct CoreTask: EvaluationTask {
    let name: String
    let requests: [TaskRequest]
    let notes: [String]
    private let subtasks: [Subtask]

    /// One of the 22.
    private struct Subtask {
        let label: String
        /// Percent that chance gets right.
        let baseline: Double
        let documents: [CoreDocument]
    }

    /// Documents of each task in `core_small`, the first ones after the shuffle.
    private static let small = 100
    static let names = ["core", "core_small"]

    /// - Returns: `nil` for a name that is no such task's.
    /// - Throws: ``EvaluationError/user(_:)`` for a bundle that is missing or damaged.
    init?(named name: String, _ setting: TaskSetting) throws(EvaluationError) {
        guard Self.names.contains(name) else { return nil }
        self.name = name
        let bundle = try CoreBundle(setting)
        var requests: [TaskRequest] = []
        var subtasks: [Subtask] = []
        let most = [setting.most, name == "core_small" ? Self.small : nil].compactMap { $0 }.min()
        for entry in bundle.tasks {
            let writer = try CorePrompts(entry, setting, shots: setting.shots)
            let documents = try writer.documents(most: most, &requests)
            subtasks.append(
                Subtask(label: entry.label, baseline: entry.baseline, documents: documents))
        }
        (self.requests, self.subtasks) = (requests, subtasks)
        notes =
            most.map { ["\(name): \($0) documents of each task at most, so no figure of all"] }
            ?? []
    }

    func result(_ answers: [TaskAnswer]) -> TaskResult {
        var results: [(label: String, accuracy: Double, centred: Double)] = []
        for subtask in subtasks {
            let right = subtask.documents.count { $0.isRight(answers) }
            let accuracy = Double(right) / Double(subtask.documents.count)
            let chance = 0.01 * subtask.baseline
            results.append((subtask.label, accuracy, (accuracy - chance) / (1 - chance)))
        }
        let core = results.reduce(0.0) { $0 + $1.centred } / Double(results.count)
        func row(_ label: String, _ accuracy: String, _ centred: Double) -> String {
            let cells = [label.padded(35), accuracy.padded(10)]
            return cells.joined(separator: ", ") + ", " + String(format: "%.6f", centred).padded(10)
        }
        let lines =
            ["Task".padded(35) + ", " + "Accuracy".padded(10) + ", " + "Centered".padded(10)]
            + results.map { row($0.label, String(format: "%.6f", $0.accuracy), $0.centred) }
            + [row("CORE", "", core)]
        let json = JSONValue.object([
            (
                "results",
                .object(results.map { (key: $0.label, value: .double($0.accuracy)) })
            ),
            (
                "centered_results",
                .object(results.map { (key: $0.label, value: .double($0.centred)) })
            ),
            ("core_metric", .double(core)),
        ])
        return TaskResult(
            figures: [Figure(name: name, value: core)]
                + results.map { Figure(name: "\(name)_\($0.label)", value: $0.accuracy) },
            lines: lines,
            files: [
                PredictionFile(
                    name: "\(name).json", text: json.text(indent: 2) + "\n", count: results.count),
                PredictionFile(
                    name: "\(name).csv", text: lines.joined(separator: "\n") + "\n",
                    count: results.count),
            ])
    }
}

/// A document of a CORE task with its requests among all of them.
struct CoreDocument {
    /// The request of each option and the tokens that it scores; `nil` where nothing is left to score.
    let options: [(request: Int, tokens: Int)?]
    /// The right option; `nil` where every token has to be the likeliest.
    let right: Int?

    func isRight(_ answers: [TaskAnswer]) -> Bool {
        guard let right else { return options[0].map { answers[$0.request].isGreedy } ?? false }
        let losses = options.map { option in
            option.map { -answers[$0.request].logProbability / Double($0.tokens) } ?? .nan
        }
        // As Python's min finds it: the first of the lowest, and one without a loss stays where it is first.
        var best = 0
        for index in losses.indices where losses[index] < losses[best] { best = index }
        return best == right
    }
}

extension String {
    /// With spaces behind it, to a width.
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
