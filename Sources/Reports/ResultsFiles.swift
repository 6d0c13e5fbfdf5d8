package import Configuration
import Files
import Foundation
package import Metrics

/// trainer_state.json, train_results.json, eval_results.json and all_results.json with Hugging
/// Face's key names.
package final class ResultsFiles: TrainingObserver {
    let folder: String
    var state: TrainerState
    private(set) var results: [String: [(key: String, value: JSONValue)]] = [:]

    /// Reports into `folder`; `state` says what is known before the first step.
    package init(folder: String, state: TrainerState) {
        self.folder = folder
        self.state = state
    }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        state.history = RunHistory(restoredFrom: folder, upToStep: step)
        state.globalStep = step
        state.maxSteps = totalSteps
    }

    package func stepFinished(_ report: StepReport) throws(ReportError) {
        state.globalStep = report.step
        state.epoch = report.epoch
        state.totalTokens = report.totalTokens
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) {
        state.history.add(report)
    }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        state.history.add(report)
        if let best = report.best { state.best = best }
        results["eval"] = Self.members(report)
        try write(report.files)
    }

    package func modelEvaluated(_ report: EvaluationReport) throws(ReportError) {
        let members = Self.members(report)
        try write(report.files)
        try write(Self.evaluationFile, JSONValue.object(members).text(indent: 4, sortsKeys: true))
        try AllResults.merge(members, in: folder)
    }

    package func modelPredicted(
        _ file: PredictionFile, _ summary: PredictionSummary?
    ) throws(ReportError) {
        let files = PredictionFiles(folder: folder)
        try files.write(file)
        if let summary { try files.write(summary) }
    }

    private func write(_ files: [PredictionFile]) throws(ReportError) {
        for file in files { try PredictionFiles(folder: folder).write(file) }
    }

    private static func members(
        _ report: EvaluationReport
    ) -> [(key: String, value: JSONValue)] {
        let runtime = max(report.runtime, 1e-9)
        var members: [(key: String, value: JSONValue)] = [("eval_loss", .double(report.loss))]
        if let perplexity = report.perplexity {
            members.append(("eval_perplexity", .double(perplexity)))
        }
        if report.step > 0 { members.insert(("epoch", .double(report.epoch)), at: 0) }
        members += report.figures.map { ("eval_" + $0.name, .double($0.value)) }
        return members + [
            ("eval_runtime", .double(ReportText.rounded(report.runtime, 4))),
            (
                "eval_samples_per_second",
                .double(ReportText.rounded(Double(report.samples) / runtime, 3))
            ),
            (
                "eval_steps_per_second",
                .double(ReportText.rounded(Double(report.batches) / runtime, 3))
            ),
        ]
    }

    package func checkpointBegan(atStep step: Int) throws(ReportError) { try writeState() }

    /// Writes trainer_state.json without a finished run's summary.
    func writeState() throws(ReportError) {
        try write(TrainerState.fileName, state.json(summary: nil).text(indent: 2, sortsKeys: true))
    }

    package func runEnded(_ summary: RunSummary) throws(ReportError) {
        results["train"] =
            [
                ("epoch", .double(summary.epoch)),
                ("num_input_tokens_seen", .int(summary.totalTokens)),
            ] + summary.totals
        state.totalFLOPs = summary.totalFLOPs
        try write(
            TrainerState.fileName, state.json(summary: summary).text(indent: 2, sortsKeys: true))
        try writeResults()
    }

    private func writeResults() throws(ReportError) {
        var all: [String: JSONValue] = [:]
        for (split, members) in results.sorted(by: { $0.key < $1.key }) {
            try write(
                "\(split)_results.json", JSONValue.object(members).text(indent: 4, sortsKeys: true))
            for (key, value) in members { all[key] = value }
        }
        let merged = all.map { (key: $0.key, value: $0.value) }
        try write(Self.allFile, JSONValue.object(merged).text(indent: 4, sortsKeys: true))
    }

    private func write(_ name: String, _ text: String) throws(ReportError) {
        try ReportFile.write(Data((text + "\n").utf8), to: folder + "/" + name)
    }
}

/// The content of trainer_state.json.
package struct TrainerState: Sendable {
    package static let fileName = "trainer_state.json"

    /// Intervals and sizes of the run, as its configuration resolved them.
    let evalSteps: Int
    let outputDir: String
    let loggingSteps: Int
    let saveSteps: Int
    let trainBatchSize: Int
    let numTrainEpochs: Int
    package var maxSteps: Int
    package var globalStep = 0
    package var epoch = 0.0
    package var totalTokens = 0
    package var totalFLOPs = 0.0
    package var best: BestMetric?
    package var history = RunHistory()

    /// The state before the first step of a run; `best` is what a checkpoint remembers.
    package init(
        _ configuration: RunConfiguration, _ plan: TrainingPlan, best: BestMetric? = nil
    ) {
        self.best = best
        outputDir = configuration.output.outputDir ?? ""
        loggingSteps = plan.loggingInterval ?? 500
        evalSteps = plan.evaluationInterval ?? loggingSteps
        saveSteps = plan.savingInterval ?? 500
        trainBatchSize = configuration.train.perDeviceTrainBatchSize
        maxSteps = plan.totalSteps
        numTrainEpochs = max(1, Int(plan.epoch(afterStep: plan.totalSteps).rounded(.up)))
    }

    /// The file's content; a finished run's summary closes the history.
    func json(summary: RunSummary?) -> JSONValue {
        var log = history.entries.map(Self.json)
        if let summary {
            log.append(
                .object(
                    [("epoch", .double(summary.epoch)), ("step", .int(summary.step))]
                        + summary.totals))
        }
        return .object([
            ("best_global_step", best?.step.map(JSONValue.int) ?? .null),
            ("best_metric", best?.value.map(JSONValue.double) ?? .null),
            (
                "best_model_checkpoint",
                best?.step.map { .string("\(outputDir)/checkpoint-\($0).h5") } ?? .null
            ),
            ("epoch", .double(epoch)),
            ("eval_steps", .int(evalSteps)),
            ("global_step", .int(globalStep)),
            ("is_hyper_param_search", .bool(false)),
            ("is_local_process_zero", .bool(true)),
            ("is_world_process_zero", .bool(true)),
            ("log_history", .array(log)),
            ("logging_steps", .int(loggingSteps)),
            ("max_steps", .int(maxSteps)),
            ("num_input_tokens_seen", .int(totalTokens)),
            ("num_train_epochs", .int(numTrainEpochs)),
            ("save_steps", .int(saveSteps)),
            ("stateful_callbacks", .object([])),
            ("total_flos", .double(totalFLOPs)),
            ("train_batch_size", .int(trainBatchSize)),
            ("trial_name", .null),
            ("trial_params", .null),
        ])
    }

    /// The figures of the last evaluation that the history has.
    var lastEvaluation: [JSONValue.Member]? {
        let last = history.entries.last { entry in
            if case .evaluation = entry { true } else { false }
        }
        return last.flatMap { Self.json($0).members }?.filter { $0.key != "step" }
    }

    private static func json(_ entry: RunHistory.Entry) -> JSONValue {
        switch entry {
        case .training(let step, let epoch, let loss, let learningRate, let gradNorm):
            return .object([
                ("epoch", .double(epoch)),
                ("grad_norm", gradNorm.map(JSONValue.double) ?? .null),
                ("learning_rate", .double(learningRate)),
                ("loss", .double(loss)),
                ("step", .int(step)),
            ])
        case .evaluation(
            let step, let epoch, let loss, let figures, let runtime, let samplesPerSecond,
            let stepsPerSecond):
            var members: [(key: String, value: JSONValue)] = [
                ("epoch", .double(epoch)), ("eval_loss", .double(loss)),
            ]
            members += figures.map { ("eval_" + $0.name, .double($0.value)) }
            let rates = [
                ("eval_runtime", runtime), ("eval_samples_per_second", samplesPerSecond),
                ("eval_steps_per_second", stepsPerSecond),
            ]
            for case (let key, let rate?) in rates {
                members.append((key, .double(ReportText.rounded(rate, 4))))
            }
            return .object(members + [("step", .int(step))])
        }
    }
}

extension RunSummary {
    /// A finished run's work, loss and speed, under transformers' names.
    fileprivate var totals: [JSONValue.Member] {
        let runtime = max(runtime, 1e-9)
        let energy = energyJoules.map {
            ("train_energy_joules", JSONValue.double(ReportText.rounded($0, 3)))
        }
        return [
            ("total_flos", .double(totalFLOPs)), ("train_loss", .double(loss)),
            ("train_runtime", .double(ReportText.rounded(self.runtime, 4))),
            (
                "train_samples_per_second",
                .double(ReportText.rounded(Double(samples) / runtime, 3))
            ),
            ("train_steps_per_second", .double(ReportText.rounded(Double(steps) / runtime, 3))),
        ] + (energy.map { [$0] } ?? [])
    }
}
