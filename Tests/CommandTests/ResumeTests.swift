import Foundation
import Testing

@Suite struct ResumeTests {
    /// Ways to train of which each keeps other numbers from step to step.
    struct Way: CustomTestStringConvertible, Sendable {
        let ranks: Int
        let overrides: [String]
        var testDescription: String { "\(ranks) ranks, \(overrides.joined(separator: " "))" }

        static let all = [
            Way(ranks: 1, overrides: []),
            Way(ranks: 2, overrides: ["model_name_or_path=gpt2"]),
            Way(ranks: 3, overrides: ["zero_stage=1", "gradient_accumulation_steps=2"]),
            Way(ranks: 2, overrides: ["precision=bf16", "zero_stage=1"]),
            Way(ranks: 2, overrides: ["precision=fp16", "loss_scale_window=3"]),
            Way(ranks: 2, overrides: ["optim=lion_32bit", "zero_stage=1", "learning_rate=1e-3"]),
            Way(ranks: 1, overrides: ["optim=sgd", "sgd_momentum=0.9", "learning_rate=0.1"]),
        ]
    }

    /// Makes `output` look as a run does that was stopped right after `step`.
    private func rewind(
        _ folder: TrialFolder, _ source: String, to output: String, step: Int
    ) throws {
        try folder.copy(source, to: output)
        let kept = ["trainer_log.jsonl"] + (1...step).map { "checkpoint-\($0).h5" }
        for name in folder.names(output) where !kept.contains(name) {
            try folder.remove("\(output)/\(name)")
        }
    }

    @Test(arguments: Way.all)
    func aRunResumedAtAnyStepEqualsTheUninterruptedOneBitForBit(_ way: Way) throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(ranks: way.ranks, output: "whole", way.overrides + ["save_steps=1"])
        for step in way.ranks == 1 ? [1, 2, 5, 9, 11] : [1, 7] {
            let output = "from\(step)"
            try rewind(folder, "whole", to: output, step: step)
            let run = try folder.train(ranks: way.ranks, output: output, way.overrides)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.says("resuming from \(output)/checkpoint-\(step).h5"))
            #expect(run.says("step \(step + 1)/12"))
            #expect(!run.says("step \(step)/12"))
            try expectSameRun(folder, output, "whole", step: 12)
        }
    }

    @Test(arguments: [(1, 3), (2, 1), (4, 2)])
    func aRunResumedOnAnotherNumberOfRanksSeesTheSameSamples(_ first: Int, _ then: Int) throws {
        let folder = try TrialFolder()
        let overrides = ["model_name_or_path=gpt2", "zero_stage=1"]
        try folder.trainToEnd(ranks: first, output: "whole", overrides + ["save_steps=1"])
        try rewind(folder, "whole", to: "out", step: 5)
        try folder.trainToEnd(ranks: then, overrides)
        #expect(
            largestDifference(try folder.losses(), try folder.losses("whole")) < 1e-4)
        #expect(try folder.log().map(\.totalTokens) == folder.log("whole").map(\.totalTokens))
        #expect(
            try folder.state(step: 12).metadata.data
                == folder.state("whole", step: 12).metadata.data)
    }

    @Test func aFinishedRunStartedAgainDoesNothing() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["eval_strategy=steps", "eval_steps=6", "val_size=20"])
        let before = try folder.names("out").map { try folder.data("out/" + $0) }
        let run = try folder.train(["eval_strategy=steps", "eval_steps=6", "val_size=20"])
        #expect(run.status == 0)
        #expect(run.says("nothing is left to do"))
        #expect(try folder.names("out").map { try folder.data("out/" + $0) } == before)
    }

    /// As after a kill between the last checkpoint and the reports.
    @Test(arguments: [1, 2])
    func aFinishedRunWithoutReportsMakesThemWhenStartedAgain(ranks: Int) throws {
        let folder = try TrialFolder()
        let overrides = ["do_train=true", "do_eval=true", "val_size=20"]
        try folder.trainToEnd(ranks: ranks, overrides)
        func object(_ name: String) throws -> [String: Any] {
            let value = try JSONSerialization.jsonObject(with: folder.data("out/\(name).json"))
            return try #require(value as? [String: Any])
        }
        let names = ["trainer_state", "train_results", "eval_results", "all_results"]
        let before = try names.map(object)
        for name in names { try folder.remove("out/\(name).json") }
        let run = try folder.train(ranks: ranks, overrides)
        #expect(run.status == 0 && run.says("nothing is left to do"), "\(run.errors)")
        #expect(
            run.says("trainer_state.json, train_results.json, all_results.json: missing, made of "))
        let (state, train, evaluation, all) = try (
            object(names[0]), object(names[1]), object(names[2]), object(names[3])
        )
        #expect(state["global_step"] as? Int == 12)
        #expect(state["total_flos"] as? Double == before[0]["total_flos"] as? Double)
        #expect(train["train_loss"] == nil && train["train_runtime"] == nil)
        #expect(train["epoch"] as? Double == before[1]["epoch"] as? Double)
        let loss = try #require(before[2]["eval_loss"] as? Double)
        #expect(evaluation["eval_loss"] as? Double == loss)
        #expect(all["eval_loss"] as? Double == loss)
        #expect(all["total_flos"] as? Double == before[3]["total_flos"] as? Double)
    }

    @Test func resumeFromCheckpointTakesTheNewestOrTheOneNamed() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4"])
        try folder.copy("out", to: "whole")
        try folder.remove("out/checkpoint-12.h5")
        let newest = try folder.train(["resume_from_checkpoint=true"])
        #expect(newest.status == 0 && newest.says("resuming from out/checkpoint-8.h5"))
        try expectSameRun(folder, "out", "whole", step: 12)
        let named = try folder.train(
            output: "other", ["resume_from_checkpoint=whole/checkpoint-4.h5"])
        #expect(named.status == 0 && named.says("resuming from whole/checkpoint-4.h5 at step 4"))
        try expectSameRun(folder, "other", "whole", step: 12, from: 5)
    }

    @Test func goingBackToAnOlderCheckpointSetsTheNewerOnesAside() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4"])
        let newest = try folder.data("out/checkpoint-12.h5")
        let run = try folder.train([
            "resume_from_checkpoint=out/checkpoint-4.h5", "save_steps=3", "max_steps=6",
        ])
        #expect(run.status == 0 && run.says("superseded-checkpoint-12.h5"))
        let names = folder.names("out").filter { $0.hasSuffix(".h5") }.sorted()
        #expect(
            names == [
                "checkpoint-4.h5", "checkpoint-6.h5", "superseded-checkpoint-12.h5",
                "superseded-checkpoint-8.h5",
            ])
        #expect(try folder.data("out/superseded-checkpoint-12.h5") == newest)
    }

    @Test func overwriteOutputDirBeginsAtStepOneAndLeavesNothingOfTheRunBefore() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4", "seed=7"])
        try folder.trainToEnd(output: "fresh", ["save_steps=5", "max_steps=10"])
        let run = try folder.train(["save_steps=5", "max_steps=10", "overwrite_output_dir=true"])
        #expect(run.status == 0 && !run.says("resuming"))
        try expectSameRun(folder, "out", "fresh", step: 10)
        #expect(folder.names("out") == folder.names("fresh"))
    }

    /// What an earlier run left is not the newest when the new one is to go on.
    @Test func beginningAnewByTheKeySetsOlderCheckpointsAside() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4"])
        let settings = ["save_steps=3", "max_steps=6", "seed=7"]
        let anew = settings + ["resume_from_checkpoint=false"]
        try folder.trainToEnd(output: "fresh", settings)
        let run = try folder.train(anew)
        #expect(run.status == 0 && !run.says("resuming"), "\(run.errors)")
        #expect(run.says("superseded-checkpoint-12.h5 of the run before"))
        try expectSameRun(folder, "out", "fresh", step: 6)
        #expect(
            folder.names("out").filter { $0.hasSuffix(".h5") } == [
                "checkpoint-3.h5", "checkpoint-6.h5", "superseded-checkpoint-12.h5",
                "superseded-checkpoint-8.h5",
            ])
        let on = try folder.train(["max_steps=7", "seed=7"])
        #expect(on.status == 0 && on.says("resuming from out/checkpoint-6.h5"), "\(on.errors)")
    }

    @Test func aDamagedNewestCheckpointIsReportedAndTheOneBeforeIsUsed() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["save_steps=4"])
        try folder.copy("out", to: "whole")
        let newest = try folder.data("out/checkpoint-12.h5")
        try folder.write("out/checkpoint-12.h5", newest.prefix(newest.count / 2))
        var older = try folder.data("out/checkpoint-8.h5")
        older[older.count / 2] ^= 4
        try folder.write("out/checkpoint-8.h5", older)
        let run = try folder.train(ranks: 1)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.says("not used: ") && run.says("out/checkpoint-12.h5"))
        #expect(run.says("resuming from out/checkpoint-4.h5"))
        try expectSameRun(folder, "out", "whole", step: 12)
    }
}
