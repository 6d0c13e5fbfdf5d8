import Foundation
import Testing

/// The same global batch, divided in different ways.
struct Division: CustomTestStringConvertible, Sendable {
    let ranks: Int
    let accumulation: Int
    let zeroStage: Int

    var testDescription: String {
        "\(ranks) ranks, accumulation \(accumulation), zero_stage \(zeroStage)"
    }

    static let all = [1, 2, 3, 4].flatMap { ranks in
        [1, 4].flatMap { accumulation in
            [0, 1].map { Division(ranks: ranks, accumulation: accumulation, zeroStage: $0) }
        }
    }

    /// Settings of 30 steps of 48 samples.
    func overrides(_ model: String) -> [String] {
        [
            "model_name_or_path=\(model)", "max_steps=30", "save_strategy=no",
            "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(zeroStage)",
            "per_device_train_batch_size=\(48 / ranks / accumulation)",
        ]
    }
}

@Suite struct RankCountTests {
    /// Its rows and columns are those of whole parameters, each of which one rank updates.
    @Test func adafactorIsTheSameOnAnyNumberOfRanksAndAfterResuming() throws {
        let folder = try TrialFolder()
        let settings = [
            "optim=adafactor", "lr_scheduler_type=constant", "warmup_steps=0", "learning_rate=1e-2",
        ]
        try folder.trainToEnd(output: "one", settings)
        let expected = try folder.losses("one")
        #expect(expected.count == 12 && expected[11] < 0.9 * expected[0])
        for (ranks, stage) in [(2, 1), (3, 1), (2, 0)] {
            let output = "on\(ranks)-\(stage)"
            try folder.trainToEnd(ranks: ranks, output: output, settings + ["zero_stage=\(stage)"])
            let difference = largestDifference(try folder.losses(output), expected)
            #expect(difference < 1e-5, "\(ranks) ranks, zero_stage \(stage)")
        }
        try folder.trainToEnd(output: "parts", settings + ["max_steps=5", "save_steps=5"])
        try folder.trainToEnd(output: "parts", settings + ["resume_from_checkpoint=true"])
        #expect(try folder.losses("parts") == expected)
        try folder.trainToEnd(
            output: "bare", settings + ["max_steps=5", "save_steps=5", "save_only_model=true"])
        let run = try folder.train(output: "bare", settings + ["resume_from_checkpoint=true"])
        #expect(run.status == 2 && run.errors.contains("holds the model only"), "\(run.errors)")
    }

    /// Losses of 30 steps on one rank in one piece, which every division must give.
    private func compare(_ model: String, _ divisions: [Division]) throws {
        let folder = try TrialFolder()
        let whole = Division(ranks: 1, accumulation: 1, zeroStage: 0)
        try folder.trainToEnd(output: "whole", whole.overrides(model))
        let expected = try folder.losses("whole")
        #expect(expected.count == 30)
        #expect(expected[29] < 0.8 * expected[0], "the model learns")
        for (index, division) in divisions.enumerated() {
            let output = "out\(index)"
            try folder.trainToEnd(
                ranks: division.ranks, output: output, division.overrides(model))
            let difference = largestDifference(try folder.losses(output), expected)
            #expect(difference < 1e-5, "\(division.testDescription)")
        }
    }

    @Test func everyDivisionOfABatchGivesTheSameLosses() throws {
        try compare("llama", Division.all)
    }

    @Test func dropoutMasksDoNotDependOnRanksOrAccumulation() throws {
        try compare("gpt2", Division.all.filter { ($0.accumulation == 1) == ($0.zeroStage == 0) })
    }

    @Test func deterministicRunsAreEqualBitForBitOnOneTwoAndFourRanks() throws {
        let folder = try TrialFolder()
        for (ranks, accumulation, zeroStage) in [
            (1, 1, 0), (1, 4, 0), (2, 2, 1), (4, 1, 0), (4, 2, 1),
        ] {
            let output = "\(ranks)-\(accumulation)"
            try folder.trainToEnd(
                ranks: ranks, output: output,
                [
                    "deterministic=true", "gradient_accumulation_steps=\(accumulation)",
                    "per_device_train_batch_size=\(16 / ranks / accumulation)",
                    "zero_stage=\(zeroStage)", "model_name_or_path=gpt2",
                ])
            if output != "1-1" { try expectSameRun(folder, output, "1-1", step: 12) }
        }
    }

    /// A rank alone may use all processors, one of two half of them.
    @Test func deterministicRunsHaveEqualBitsWhateverProcessorsARankMayUse() throws {
        let folder = try TrialFolder()
        let common = ["deterministic=true", "threads_per_rank=null", "max_steps=3"]
        for ranks in [1, 2] {
            try folder.trainToEnd(
                ranks: ranks, output: "\(ranks)",
                common + ["per_device_train_batch_size=\(8 / ranks)"])
        }
        try expectSameRun(folder, "2", "1", step: 3)
    }
}
