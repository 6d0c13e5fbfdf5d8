import Foundation
import Testing

/// Runs whose learning rate follows their evaluations.
@Suite struct PlateauRunTests {
    private static let evaluating = [
        "lr_scheduler_type=reduce_lr_on_plateau", "eval_strategy=steps", "eval_steps=2",
        "val_size=20", "warmup_steps=0",
    ]
    /// No loss is ever half of the one before.
    private static let halving =
        Self.evaluating + [
            "lr_scheduler_kwargs.patience=0", "lr_scheduler_kwargs.factor=0.5",
            "lr_scheduler_kwargs.threshold=0.9", "lr_scheduler_kwargs.min_lr=0.002",
        ]

    private func rates(_ folder: TrialFolder, _ output: String) throws -> [Double] {
        try folder.log(output).compactMap(\.rate)
    }

    @Test func theRateFallsAfterTheEvaluationsThatAreNoBetter() throws {
        let folder = try TrialFolder()
        for (ranks, output) in [(1, "one"), (3, "three")] {
            try folder.trainToEnd(
                ranks: ranks, output: output, Self.halving + ["eval_on_start=true"])
            // The evaluation before the first step does not count, the one after step 2 is the
            // best, each later one halves.
            #expect(
                try rates(folder, output)
                    == [0.01, 0.01, 0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025]
                    + Array(
                        repeating: 0.002, count: 4), "\(ranks) ranks")
        }
        let state =
            try JSONSerialization.jsonObject(
                with: folder.data("one/trainer_state.json")) as? [String: Any]
        #expect(state?["best_metric"] is Double, "the metric is followed as the best one")
    }

    @Test(arguments: [1, 2])
    func aResumedRunHasTheRatesOfOneThatWasNotInterrupted(_ ranks: Int) throws {
        let folder = try TrialFolder()
        let settings =
            Self.evaluating + [
                "lr_scheduler_kwargs.patience=1", "lr_scheduler_kwargs.factor=0.3",
                "lr_scheduler_kwargs.threshold=0.9", "lr_scheduler_kwargs.cooldown=1",
                "eval_steps=1", "save_steps=1", "max_steps=14",
            ]
        try folder.trainToEnd(ranks: ranks, output: "whole", settings)
        let whole = try rates(folder, "whole")
        #expect(Set(whole).count >= 4, "\(whole)")
        for step in [3, 4, 6, 7] {
            try folder.rewind("whole", to: "again\(step)", step: step)
            try folder.trainToEnd(ranks: ranks, output: "again\(step)", settings)
            #expect(try rates(folder, "again\(step)") == whole, "from step \(step)")
            try expectSameRun(folder, "again\(step)", "whole", step: 14)
        }
    }

    @Test func anotherMetricMayBeFollowed() throws {
        let folder = try TrialFolder()
        // Of a perplexity the greater is never twice as good.
        try folder.trainToEnd(
            Self.evaluating + [
                "metric_for_best_model=perplexity",
                "lr_scheduler_kwargs.mode=max", "lr_scheduler_kwargs.patience=2",
                "lr_scheduler_kwargs.threshold=0.9",
            ])
        #expect(
            try rates(folder, "out") == Array(repeating: 0.01, count: 8)
                + Array(repeating: 0.01 * 0.1, count: 4))
    }

    @Test func withoutEvaluationsItIsRefused() throws {
        let folder = try TrialFolder()
        let run = try folder.train(["lr_scheduler_type=reduce_lr_on_plateau"])
        #expect(run.status == 2 && !folder.exists("out"))
        #expect(
            run.messages == [
                "command line: lr_scheduler_type, eval_strategy: reduce_lr_on_plateau follows "
                    + "evaluations; set eval_strategy to steps or epoch"
            ])
    }

    @Test func aLowestRateForTwoRatesIsRefused() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tune(
            Self.evaluating + ["lr_scheduler_kwargs.min_lr=1e-5", "loraplus_lr_ratio=16"])
        #expect(run.status == 2 && run.says("a min_lr for two rates is not supported"))
    }

    @Test func aWarmupThatIsNotThereIsTold() throws {
        let folder = try TrialFolder()
        let run = try folder.train(Self.halving + ["warmup_steps=3", "max_steps=1"])
        #expect(run.status == 0)
        #expect(
            run.says("warmup_steps: not used, since reduce_lr_on_plateau begins at learning_rate"))
    }
}
