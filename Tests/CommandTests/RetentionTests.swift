import Foundation
import Testing

@Suite struct RetentionTests {
    /// A rate that is right at first and far too high later: evaluations get worse.
    private static let worsening = [
        "lr_scheduler_type=linear", "warmup_steps=40", "learning_rate=3", "max_steps=24",
        "eval_strategy=steps", "eval_steps=2", "save_steps=2", "val_size=40",
        "per_device_eval_batch_size=7",
    ]

    private func steps(_ folder: TrialFolder, _ output: String = "out") -> [Int] {
        folder.names(output).filter { $0.hasSuffix(".h5") }
            .compactMap { Int($0.dropFirst("checkpoint-".count).dropLast(".h5".count)) }.sorted()
    }

    /// The step of the smallest eval_loss.
    private func best(_ folder: TrialFolder, _ output: String = "out") throws -> Int {
        let tries = try folder.log(output).filter { $0.evaluationLoss != nil }
        let best = tries.min { $0.evaluationLoss! < $1.evaluationLoss! }
        return try #require(best).step
    }

    @Test func saveTotalLimitKeepsTheNewest() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(ranks: 2, ["save_steps=2", "save_total_limit=3"])
        #expect(steps(folder) == [8, 10, 12])
    }

    @Test func saveTotalLimitKeepsTheBestBesideTheNewest() throws {
        let folder = try TrialFolder()
        let overrides = Self.worsening + ["save_total_limit=2", "load_best_model_at_end=true"]
        let run = try folder.train(ranks: 2, overrides)
        #expect(run.status == 0, "\(run.errors)")
        let best = try best(folder)
        try #require(best < 20, "the rate was to spoil the model")
        #expect(steps(folder) == [best, 24])
        #expect(run.says("took the best checkpoint's weights, of step \(best)"))
        // The model's folder holds the best weights, not the last.
        for step in [best, 24] {
            let export = try folder.run([
                "export", "run.yaml", "model_name_or_path=out/checkpoint-\(step).h5",
                "export_dir=step\(step)", "train_from_scratch=false", "finetuning_type=full",
            ])
            #expect(export.status == 0, "\(export.errors)")
            #expect(
                try
                    (folder.data("step\(step)/model.safetensors")
                    == folder.data("out/model.safetensors")) == (step == best))
        }
        let state = try String(decoding: folder.data("out/trainer_state.json"), as: UTF8.self)
        #expect(state.contains("\"best_global_step\": \(best)"), "\(state.prefix(400))")
    }

    /// transformers keeps the last weights where the best evaluation has no checkpoint.
    @Test func theBestEvaluationHasACheckpointThoughNoneIsDue() throws {
        let folder = try TrialFolder()
        let run = try folder.train(
            Self.worsening + ["save_steps=24", "load_best_model_at_end=true"])
        #expect(run.status == 0, "\(run.errors)")
        let best = try best(folder)
        try #require(best < 20, "the rate was to spoil the model")
        #expect(steps(folder).contains(best))
        #expect(run.says("took the best checkpoint's weights, of step \(best)"))
    }

    @Test func withoutTheBestCheckpointTheModelIsNotLost() throws {
        let folder = try TrialFolder()
        let overrides = Self.worsening + ["load_best_model_at_end=true"]
        try folder.trainToEnd(ranks: 2, overrides)
        let best = try best(folder)
        try folder.remove("out/checkpoint-\(best).h5")
        try folder.remove("out/model.safetensors")
        let run = try folder.train(ranks: 2, overrides + ["max_steps=26"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.says(
                "the best checkpoint, of step \(best), cannot be read (no checkpoint of step \(best) in out; "
                    + "expected checkpoint-\(best).h5): the model keeps the weights of step 26"),
            "\(run.messages) \(run.errors)")
        #expect(folder.exists("out/model.safetensors"))
    }

    @Test func theBestIsRememberedWhenARunIsResumed() throws {
        let folder = try TrialFolder()
        let overrides = Self.worsening + ["save_total_limit=2", "load_best_model_at_end=true"]
        try folder.trainToEnd(ranks: 2, output: "whole", overrides)
        let stopped = try folder.train(ranks: 2, overrides + ["fault_injection=kill:0@24"])
        #expect(stopped.status != 0)
        try folder.trainToEnd(ranks: 2, overrides)
        #expect(steps(folder) == steps(folder, "whole"))
        #expect(
            try folder.data("out/model.safetensors") == folder.data("whole/model.safetensors"))
    }

    @Test func earlyStoppingEndsTheRunAndStartedAgainItStaysEnded() throws {
        let folder = try TrialFolder()
        let overrides = Self.worsening + ["early_stopping_steps=2", "max_steps=200"]
        let run = try folder.train(ranks: 2, overrides)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("stopped early: no better evaluation was found"))
        let tries = try folder.log().compactMap(\.evaluationLoss)
        let best = try #require(tries.firstIndex(of: tries.min()!))
        #expect(tries.count == best + 3, "two evaluations after the best")
        #expect(steps(folder).last == 2 * tries.count)
        let again = try folder.train(ranks: 2, overrides)
        #expect(again.status == 0 && again.says("nothing is left to do"))
        #expect(try folder.log().compactMap(\.evaluationLoss) == tries)
    }

    /// Of the greatest losses the first is that of the weights that no step has touched.
    @Test func theBestCheckpointIsOneThatIsThere() throws {
        let folder = try TrialFolder()
        let run = try folder.train([
            "val_size=0.1", "eval_strategy=steps", "eval_steps=4", "eval_on_start=true",
            "metric_for_best_model=loss", "greater_is_better=true", "save_steps=4",
            "load_best_model_at_end=true",
        ])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("took the best checkpoint's weights, of step 4"), "\(run.errors)")
    }

    @Test func evaluationIsTheSameOnAnyNumberOfRanks() throws {
        let folder = try TrialFolder()
        let overrides = [
            "model_name_or_path=gpt2", "eval_strategy=steps", "eval_steps=5", "val_size=0.1",
            "per_device_eval_batch_size=4", "eval_on_start=true", "save_strategy=no",
        ]
        var expected: [Double] = []
        for ranks in [1, 2, 3, 4] {
            try folder.trainToEnd(ranks: ranks, output: "out\(ranks)", overrides)
            let log = try folder.log("out\(ranks)").filter { $0.evaluationLoss != nil }
            #expect(log.map(\.step) == [0, 5, 10, 12])
            let losses = log.compactMap(\.evaluationLoss)
            if ranks == 1 { expected = losses }
            #expect(largestDifference(losses, expected) < 1e-5, "\(ranks) ranks")
        }
        let results = try JSONSerialization.jsonObject(with: folder.data("out3/eval_results.json"))
        let perplexity = try #require((results as? [String: Any])?["eval_perplexity"] as? Double)
        #expect(abs(log(perplexity) - expected[3]) < 1e-5)
    }
}
