import Files
import Foundation
package import Metrics

/// The logged steps and evaluations of a run since step 0, earlier parts of a resumed run included.
package struct RunHistory: Sendable, Equatable {
    /// One line of the history.
    package enum Entry: Sendable, Equatable {
        case training(
            step: Int, epoch: Double, loss: Double, learningRate: Double, gradNorm: Double?)
        case evaluation(
            step: Int, epoch: Double, loss: Double, figures: [Figure],
            runtime: Double?, samplesPerSecond: Double?, stepsPerSecond: Double?)

        package var step: Int {
            switch self {
            case .training(let step, _, _, _, _), .evaluation(let step, _, _, _, _, _, _): step
            }
        }
    }

    package private(set) var entries: [Entry] = []

    package init() {}

    /// Adds a logged step.
    package mutating func add(_ report: StepReport) {
        entries.append(
            .training(
                step: report.step, epoch: report.epoch, loss: report.loss,
                learningRate: report.learningRate, gradNorm: report.gradNorm))
    }

    /// Adds an evaluation.
    package mutating func add(_ report: EvaluationReport) {
        let runtime = max(report.runtime, 1e-9)
        entries.append(
            .evaluation(
                step: report.step, epoch: report.epoch, loss: report.loss,
                figures: report.figures, runtime: report.runtime,
                samplesPerSecond: Double(report.samples) / runtime,
                stepsPerSecond: Double(report.batches) / runtime))
    }

    /// Steps and losses of training.
    package var losses: [(step: Int, loss: Double)] {
        entries.compactMap { entry in
            guard case .training(let step, _, let loss, _, _) = entry else { return nil }
            return (step, loss)
        }
    }

    /// Steps and losses of evaluations.
    package var evaluationLosses: [(step: Int, loss: Double)] {
        entries.compactMap { entry in
            guard case .evaluation(let step, _, let loss, _, _, _, _) = entry else { return nil }
            return (step, loss)
        }
    }

    /// Restores what the files of `folder` know of the steps up to `lastStep`.
    ///
    /// trainer_state.json is complete up to the last checkpoint; trainer_log.jsonl adds the lines
    /// after it. Files that are absent or broken add nothing.
    package init(restoredFrom folder: String, upToStep lastStep: Int) {
        guard lastStep > 0 else { return }
        entries = Self.state(in: folder).filter { $0.step <= lastStep }
        let known = entries.last?.step ?? 0
        entries += Self.log(in: folder).filter { $0.step > known && $0.step <= lastStep }
    }

    private static func state(in folder: String) -> [Entry] {
        let path = folder + "/" + TrainerState.fileName
        guard let data = FileManager.default.contents(atPath: path),
            let history = (try? JSONValueReader.read([UInt8](data)[...]))?["log_history"]?.array
        else { return [] }
        return history.compactMap { members in
            entry(members, step: "step", learningRate: "learning_rate")
        }
    }

    private static func log(in folder: String) -> [Entry] {
        guard
            let data = FileManager.default.contents(atPath: folder + "/" + TrainerLogFile.fileName)
        else { return [] }
        return data.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let members = try? JSONValueReader.read([UInt8](line)[...]) else { return nil }
            return entry(members, step: "current_steps", learningRate: "lr")
        }
    }

    private static func entry(
        _ line: JSONValue, step stepKey: String, learningRate rateKey: String
    ) -> Entry? {
        func number(_ key: String) -> Double? {
            guard let value = line[key]?.double, value.isFinite else { return nil }
            return value
        }
        guard let step = line[stepKey]?.integer, let epoch = number("epoch") else { return nil }
        if let loss = number("eval_loss") {
            let figures = Figure.names(in: (line.members ?? []).map(\.key)).compactMap { name in
                number("eval_" + name).map { Figure(name: name, value: $0) }
            }
            return .evaluation(
                step: step, epoch: epoch, loss: loss, figures: figures,
                runtime: number("eval_runtime"),
                samplesPerSecond: number("eval_samples_per_second"),
                stepsPerSecond: number("eval_steps_per_second"))
        }
        guard let loss = number("loss"), let rate = number(rateKey) else { return nil }
        return .training(
            step: step, epoch: epoch, loss: loss, learningRate: rate,
            gradNorm: number("grad_norm"))
    }
}
