import Configuration
import ConfigurationSupport
import Testing

@Suite struct TrainingPlanTests {
    @Test func shortLastBatchCountsAsAStep() throws {
        // 21 samples in batches of 4 are 6 steps, as transformers has it.
        let run = try training([
            "per_device_train_batch_size": .int(2), "gradient_accumulation_steps": .int(2),
            "num_train_epochs": .int(1),
        ])
        let plan = TrainingPlan(samples: 21, ranks: 1, configuration: run)
        #expect(plan.globalBatch == 4 && plan.stepsPerEpoch == 6 && plan.totalSteps == 6)
        #expect(plan.epoch(afterStep: 3) == 0.5)
    }

    @Test func ranksDivideTheSteps() throws {
        let run = try training(["num_train_epochs": .double(1.5)])
        let plan = TrainingPlan(samples: 1000, ranks: 4, configuration: run)
        #expect(plan.globalBatch == 32 && plan.stepsPerEpoch == 32 && plan.totalSteps == 48)
    }

    /// transformers 5.24, dataloader_drop_last with batches of 2 and 2 micro-batches: 21 samples
    /// are 10 batches and 5 updates, 23 are 11 batches and 6 updates.
    @Test(arguments: [
        (21, 1, 5, 1), (23, 1, 6, 1), (20, 1, 5, 0), (1, 1, 1, 0), (23, 2, 3, 3), (3, 2, 1, 0),
    ])
    func samplesThatFillNoBatchAreLeftOutWhereAskedFor(
        _ samples: Int, _ ranks: Int, _ steps: Int, _ left: Int
    ) throws {
        let run = try training([
            "per_device_train_batch_size": .int(2), "gradient_accumulation_steps": .int(2),
            "num_train_epochs": .int(1), "dataloader_drop_last": .bool(true),
        ])
        let plan = TrainingPlan(samples: samples, ranks: ranks, configuration: run)
        #expect(plan.stepsPerEpoch == steps && plan.totalSteps == steps)
        #expect(run.samplesLeftOut(of: samples, ranks: ranks) == left)
    }

    /// transformers 5.23 takes `int(warmup_steps)`.
    @Test func partsOfAWarmupStepDoNotCount() throws {
        let run = try training(["max_steps": .int(20), "warmup_steps": .double(2.5)])
        #expect(TrainingPlan(samples: 100, ranks: 1, configuration: run).warmupSteps == 2)
    }

    @Test func evaluationsWaitForTheDelay() throws {
        func evaluations(_ strategy: String, _ delay: Double) throws -> [Int] {
            let run = try training([
                "val_size": .int(4), "eval_strategy": .string(strategy), "eval_steps": .int(3),
                "eval_delay": .double(delay), "num_train_epochs": .int(2),
            ])
            let plan = TrainingPlan(samples: 80, ranks: 1, configuration: run)
            return (1...plan.totalSteps).filter(plan.evaluates)
        }
        #expect(try evaluations("steps", 0) == [3, 6, 9, 12, 15, 18, 20])
        #expect(try evaluations("steps", 9) == [9, 12, 15, 18, 20])
        #expect(try evaluations("steps", 10) == [12, 15, 18, 20])
        #expect(try evaluations("epoch", 1) == [10, 20])
        #expect(try evaluations("epoch", 1.5) == [20])
        #expect(try evaluations("steps", 1000) == [20], "the last step is always evaluated")
    }

    @Test func aCheckpointIsWrittenAfterEachBestEvaluation() throws {
        let run = try training([
            "val_size": .int(4), "eval_strategy": .string("steps"), "eval_steps": .int(2),
            "save_strategy": .string("best"), "max_steps": .int(9),
        ])
        let plan = TrainingPlan(samples: 80, ranks: 1, configuration: run)
        #expect(plan.saves(atStep: 4, best: 4) && !plan.saves(atStep: 4, best: 2))
        #expect(!plan.saves(atStep: 4) && !plan.saves(atStep: 9))
        #expect(run.bestMetric?.name == "eval_loss")
        let steps = try training(["save_steps": .int(3), "max_steps": .int(9)])
        let other = TrainingPlan(samples: 80, ranks: 1, configuration: steps)
        #expect(!other.saves(atStep: 4, best: 4) && other.saves(atStep: 6, best: 4))
    }

    @Test func maxStepsWinsOverEpochs() throws {
        let run = try training(["max_steps": .int(7)])
        #expect(TrainingPlan(samples: 10_000, ranks: 1, configuration: run).totalSteps == 7)
    }

    @Test func fractionsAreOfAllStepsRoundedUp() throws {
        let run = try training([
            "max_steps": .int(101), "warmup_ratio": .double(0.1), "logging_steps": .double(0.05),
            "save_steps": .double(0.5), "eval_strategy": .string("steps"),
            "eval_steps": .double(0.25), "val_size": .int(2),
        ])
        let plan = TrainingPlan(samples: 1000, ranks: 1, configuration: run)
        #expect(plan.warmupSteps == 11)
        #expect(plan.loggingInterval == 6)
        #expect(plan.savingInterval == 51)
        #expect(plan.evaluationInterval == 26)
    }

    @Test func evaluationFollowsLoggingUnlessTold() throws {
        let run = try training([
            "max_steps": .int(100), "logging_steps": .int(20), "eval_strategy": .string("steps"),
            "val_size": .int(2),
        ])
        let plan = TrainingPlan(samples: 1000, ranks: 1, configuration: run)
        #expect(plan.evaluationInterval == 20)
    }

    @Test func theLastStepIsLoggedEvaluatedAndSaved() throws {
        let run = try training([
            "max_steps": .int(25), "logging_steps": .int(10), "save_steps": .int(20),
            "logging_first_step": .bool(true),
        ])
        let plan = TrainingPlan(samples: 1000, ranks: 1, configuration: run)
        #expect((1...25).filter(plan.logs) == [1, 10, 20, 25])
        #expect((1...25).filter(plan.saves) == [20, 25])
        #expect((1...25).filter(plan.evaluates).isEmpty)
    }

    @Test func epochStrategyComesAtTheEndOfEpochs() throws {
        let run = try training([
            "save_strategy": .string("epoch"), "logging_strategy": .string("no"),
            "num_train_epochs": .int(2),
        ])
        let plan = TrainingPlan(samples: 40, ranks: 1, configuration: run)
        #expect((1...plan.totalSteps).filter(plan.saves) == [5, 10])
        #expect(plan.loggingInterval == nil && !plan.logs(atStep: 10))
    }
}
