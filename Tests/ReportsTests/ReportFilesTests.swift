import Configuration
import ConfigurationSupport
import Foundation
import Reports
import TestSupport
import Testing

@Suite struct ReportFilesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func object(_ name: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(folder.read(name).utf8)) as? [String: Any])
    }

    private func results(maxSteps: Int = 100) throws -> ResultsFiles {
        let run = try training([
            "max_steps": .int(maxSteps), "logging_steps": .int(10), "output_dir": .string("a/out"),
        ])
        let plan = TrainingPlan(samples: 400, ranks: 1, configuration: run)
        return ResultsFiles(folder: folder.path, state: TrainerState(run, plan))
    }

    @Test func logLinesHaveTheKeysOfTheInterface() throws {
        let log = TrainerLogFile(folder: folder.path("new/deep"))
        try log.runBegan(atStep: 0, of: 100)
        var report = stepReport(10)
        try log.stepLogged(report)
        report.lossScale = 65536
        report.step = 20
        try log.stepLogged(report)
        try log.evaluationFinished(evaluationReport(20))
        #expect(
            try folder.read("new/deep/trainer_log.jsonl") == """
                {"current_steps": 10, "total_steps": 100, "loss": 4.0, "lr": 0.001, "grad_norm": 1.25, \
                "epoch": 0.2, "percentage": 10.0, "elapsed_time": "0:00:05", "remaining_time": \
                "0:00:45", "throughput": 1024.0, "total_tokens": 5120, "step_seconds": 0.5}
                {"current_steps": 20, "total_steps": 100, "loss": 4.0, "lr": 0.001, "grad_norm": 1.25, \
                "epoch": 0.2, "percentage": 20.0, "elapsed_time": "0:00:05", "remaining_time": \
                "0:00:45", "throughput": 1024.0, "total_tokens": 5120, "step_seconds": 0.5, \
                "loss_scale": 65536.0}
                {"current_steps": 20, "total_steps": 100, "eval_loss": 3.5, "epoch": 0.4, \
                "percentage": 20.0, "elapsed_time": "0:00:10", "remaining_time": "0:00:40"}

                """)
    }

    @Test func aResumedLogHasNoStepTwiceAndNoTornLine() throws {
        let first = TrainerLogFile(folder: folder.path)
        try first.runBegan(atStep: 0, of: 100)
        for step in [10, 20, 30] { try first.stepLogged(stepReport(step)) }
        let whole = try folder.read("trainer_log.jsonl")
        try folder.write("trainer_log.jsonl", whole + "{\"current_steps\": 4")

        let second = TrainerLogFile(folder: folder.path)
        try second.runBegan(atStep: 20, of: 100)
        for step in [30, 40] { try second.stepLogged(stepReport(step)) }
        let steps = try folder.read("trainer_log.jsonl").split(separator: "\n").map { line in
            let members = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return members?["current_steps"] as? Int
        }
        #expect(steps == [10, 20, 30, 40])
        #expect(try folder.names() == ["trainer_log.jsonl"])
    }

    /// A run that was killed after its last checkpoint is started again.
    @Test func reportsThatAreMissingAreMadeOfWhatIsKnown() throws {
        let log = TrainerLogFile(folder: folder.path)
        for step in [50, 100] { try log.stepLogged(stepReport(step)) }
        try log.evaluationFinished(evaluationReport(100))
        let results = try results()
        try results.runBegan(atStep: 100, of: 100)
        let totals = RunTotals(step: 100, epoch: 2, totalTokens: 51200, totalFLOPs: 1.5e15)
        try results.runWasOver(totals, withEvaluation: true)
        let state = try object("trainer_state.json")
        #expect(state["global_step"] as? Int == 100 && state["epoch"] as? Double == 2)
        #expect(state["total_flos"] as? Double == 1.5e15)
        let history = try #require(state["log_history"] as? [[String: Any]])
        #expect(history.map { $0["step"] as? Int } == [50, 100, 100])
        let train = try object("train_results.json")
        #expect(Set(train.keys) == ["epoch", "num_input_tokens_seen", "total_flos"])
        let evaluation = try object("eval_results.json")
        #expect(Set(evaluation.keys) == ["epoch", "eval_loss"])
        #expect(evaluation["eval_loss"] as? Double == 3.5)
        #expect(
            Set(try object("all_results.json").keys)
                == ["epoch", "num_input_tokens_seen", "total_flos", "eval_loss"])
    }

    @Test func reportsThatAreThereStayAndMakeUpTheirSum() throws {
        try TrainerLogFile(folder: folder.path).evaluationFinished(evaluationReport(100))
        for name in ["trainer_state", "train_results", "eval_results"] {
            try folder.write("\(name).json", "{\"\(name)\": 1}")
        }
        let results = try results()
        try results.runBegan(atStep: 100, of: 100)
        let totals = RunTotals(step: 100, epoch: 2, totalTokens: 51200, totalFLOPs: 1.5e15)
        for withEvaluation in [false, true] {
            try results.runWasOver(totals, withEvaluation: withEvaluation)
            for name in ["trainer_state", "train_results", "eval_results"] {
                #expect(try folder.read("\(name).json") == "{\"\(name)\": 1}")
            }
        }
        #expect(
            try object("all_results.json") as? [String: Int]
                == ["train_results": 1, "eval_results": 1])
    }

    /// With do_eval the model is tried again, and the run's own last evaluation is not taken for that.
    @Test func anEvaluationThatIsToBeMadeIsNotMadeUp() throws {
        try TrainerLogFile(folder: folder.path).evaluationFinished(evaluationReport(50))
        let results = try results()
        try results.runBegan(atStep: 100, of: 100)
        let totals = RunTotals(step: 100, epoch: 2, totalTokens: 51200, totalFLOPs: 1.5e15)
        try results.runWasOver(totals, withEvaluation: false)
        #expect(ResultsFiles.missing(in: folder.path) == ["eval_results.json"])
        #expect(try object("all_results.json")["eval_loss"] == nil)
    }

    @Test func aRunFromStepZeroBeginsItsLogAnew() throws {
        try folder.write("trainer_log.jsonl", "{\"current_steps\": 0}\nold\n")
        let log = TrainerLogFile(folder: folder.path)
        try log.runBegan(atStep: 0, of: 100)
        try log.stepLogged(stepReport(1))
        #expect(try folder.read("trainer_log.jsonl").split(separator: "\n").count == 1)
    }

    @Test func numbersThatAreNotFiniteStayValidJSON() throws {
        let log = TrainerLogFile(folder: folder.path)
        try log.stepLogged(stepReport(10, loss: .nan))
        let line = try object("trainer_log.jsonl")
        #expect(line["loss"] is NSNull)
    }

    @Test func resultsAreSortedIndentedAndMerged() throws {
        let results = try results()
        try results.runBegan(atStep: 0, of: 100)
        try results.stepFinished(stepReport(100))
        try results.evaluationFinished(evaluationReport(100))
        try results.runEnded(runSummary())
        #expect(
            try folder.read("train_results.json") == """
                {
                    "epoch": 2.0,
                    "num_input_tokens_seen": 51200,
                    "total_flos": 1500000000000000.0,
                    "train_loss": 2.5,
                    "train_runtime": 50.0,
                    "train_samples_per_second": 16.0,
                    "train_steps_per_second": 2.0
                }

                """)
        let all = try object("all_results.json")
        #expect(
            Set(all.keys) == [
                "epoch", "num_input_tokens_seen", "total_flos", "train_loss", "train_runtime",
                "train_samples_per_second", "train_steps_per_second", "eval_loss",
                "eval_perplexity", "eval_runtime", "eval_samples_per_second",
                "eval_steps_per_second",
            ])
        #expect(all["eval_samples_per_second"] as? Double == 20)
        #expect(abs((all["eval_perplexity"] as? Double ?? 0) - exp(3.5)) < 1e-9)
        #expect(
            try folder.names() == [
                "all_results.json", "eval_results.json", "train_results.json", "trainer_state.json",
            ])
    }

    @Test func aLossThatIsNoCrossEntropyHasNoPerplexity() throws {
        let results = try results()
        var report = evaluationReport(10)
        report.perplexity = nil
        try results.evaluationFinished(report)
        try results.runEnded(runSummary())
        let all = try object("all_results.json")
        #expect(all["eval_loss"] as? Double == 3.5 && all["eval_perplexity"] == nil)
    }

    @Test func trainerStateHasTheKeysOfTransformers() throws {
        let results = try results()
        try results.runBegan(atStep: 0, of: 100)
        try results.stepFinished(stepReport(10))
        try results.stepLogged(stepReport(10))
        var best = BestMetric(name: "eval_loss", greaterIsBetter: false)
        _ = best.update(3.5, step: 10)
        try results.evaluationFinished(evaluationReport(10, best: best))
        try results.checkpointBegan(atStep: 10)
        let state = try object("trainer_state.json")
        #expect(
            Set(state.keys) == [
                "best_global_step", "best_metric", "best_model_checkpoint", "epoch", "eval_steps",
                "global_step", "is_hyper_param_search", "is_local_process_zero",
                "is_world_process_zero", "log_history", "logging_steps", "max_steps",
                "num_input_tokens_seen", "num_train_epochs", "save_steps", "stateful_callbacks",
                "total_flos", "train_batch_size", "trial_name", "trial_params",
            ])
        #expect(state["global_step"] as? Int == 10 && state["logging_steps"] as? Int == 10)
        #expect(state["best_model_checkpoint"] as? String == "a/out/checkpoint-10.h5")
        let history = try #require(state["log_history"] as? [[String: Any]])
        #expect(Set(history[0].keys) == ["epoch", "grad_norm", "learning_rate", "loss", "step"])
        #expect(
            Set(history[1].keys) == [
                "epoch", "eval_loss", "eval_runtime", "eval_samples_per_second",
                "eval_steps_per_second", "step",
            ])
    }

    @Test func historySurvivesResuming() throws {
        let log = TrainerLogFile(folder: folder.path)
        let first = try results()
        for observer in [log, first] as [any TrainingObserver] {
            try observer.runBegan(atStep: 0, of: 100)
            for step in [10, 20] { try observer.stepLogged(stepReport(step)) }
            try observer.evaluationFinished(evaluationReport(20))
        }
        try first.checkpointBegan(atStep: 20)
        for step in [30, 40] { try log.stepLogged(stepReport(step)) }

        let history = RunHistory(restoredFrom: folder.path, upToStep: 30)
        #expect(history.entries.map(\.step) == [10, 20, 20, 30])
        #expect(history.evaluationLosses.map(\.loss) == [3.5])
        #expect(RunHistory(restoredFrom: folder.path, upToStep: 0).entries.isEmpty)
        try folder.write("trainer_state.json", "{broken")
        let fromLog = RunHistory(restoredFrom: folder.path, upToStep: 20)
        #expect(fromLog.entries.map(\.step) == [10, 20, 20])

        let second = try results()
        try second.runBegan(atStep: 20, of: 100)
        try second.stepLogged(stepReport(30))
        try second.runEnded(runSummary())
        let state = try object("trainer_state.json")
        let steps = (state["log_history"] as? [[String: Any]])?.map { $0["step"] as? Int }
        #expect(steps == [10, 20, 20, 30, 100])
    }

    @Test func aReportThatCannotBeWrittenNamesItsFile() throws {
        try folder.write("file")
        let log = TrainerLogFile(folder: folder.path("file"))
        #expect(throws: ReportError.self) { try log.stepLogged(stepReport(1)) }
        let plot = LossPlot(folder: folder.path("file"), title: "x", writesPNG: false)
        try plot.stepLogged(stepReport(1))
        #expect(throws: ReportError.self) { try plot.draw() }
    }

    @Test func theLogWindowAveragesBetweenLines() {
        var window = LogWindow()
        #expect(window.take() == nil)
        window.add(stepReport(1, loss: 4))
        window.add(stepReport(2, loss: .infinity, isSkipped: true))
        window.add(stepReport(3, loss: 2))
        let average = window.take()
        #expect(average?.loss == 3 && average?.step == 3)
        #expect(average?.tokens == 1536 && average?.totalTokens == 1536)
        #expect(average?.tokensPerSecond == 1024)
        #expect(average?.isSkipped == false)
        #expect(window.take() == nil)
    }
}
