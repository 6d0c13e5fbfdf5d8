import Foundation
import Testing

/// `balance: true`: a slow rank takes fewer micro-batches, and nothing else changes.
@Suite struct BalanceRunTests {
    /// 24 samples a step in 12 micro-batches.
    private static func division(ranks: Int) -> [String] {
        [
            "max_steps=30", "per_device_train_batch_size=2", "val_size=8",
            "gradient_accumulation_steps=\(12 / ranks)", "eval_strategy=steps", "eval_steps=15",
            "save_steps=20",
        ]
    }

    private static let balanced = ["balance=true", "fault_injection=slow:1@1"]

    /// Shares of the rank that is slowed, as the run told of them.
    private func shares(_ run: LockstepRun) -> [Int] {
        run.errors.split(separator: "\n").filter { $0.contains("balance: of the 12") }
            .compactMap { line in
                let part = line.components(separatedBy: "rank 1 (").dropFirst().first
                let count = part?.components(separatedBy: "takes ").dropFirst().first
                return count.flatMap { Int($0.prefix { $0.isNumber }) }
            }
    }

    /// Sums of the same numbers in another order: the bound of ``RankCountTests``.
    @Test(arguments: [
        (2, "llama", ["zero_stage=1", "overlap_communication=true"]),
        (2, "gpt2", ["zero_stage=0", "overlap_communication=false"]),
        (3, "llama", ["zero_stage=0", "overlap_communication=true"]),
        (3, "gpt2", ["zero_stage=1", "overlap_communication=true"]),
    ])
    func lossesAreThoseOfEqualShares(
        _ ranks: Int, _ model: String, _ settings: [String]
    ) throws {
        let folder = try TrialFolder()
        let settings = Self.division(ranks: ranks) + settings + ["model_name_or_path=\(model)"]
        try folder.trainToEnd(ranks: ranks, output: "equal", settings)
        let run = try folder.train(ranks: ranks, output: "unequal", settings + Self.balanced)
        try #require(run.status == 0, "\(run.errors)")
        #expect((shares(run).first ?? 99) < 12 / ranks, "\(run.errors)")
        #expect(run.says("micro-batches of a step are divided among ranks by their speed"))
        let (found, expected) = (try folder.log("unequal"), try folder.log("equal"))
        #expect(largestDifference(found.compactMap(\.loss), expected.compactMap(\.loss)) < 1e-5)
        #expect(
            largestDifference(
                found.compactMap(\.evaluationLoss), expected.compactMap(\.evaluationLoss)) < 1e-5)
        #expect(found.map(\.totalTokens) == expected.map(\.totalTokens))
        #expect(expected.compactMap(\.loss).last ?? 9 < 0.8 * (expected.first?.loss ?? 0))
    }

    @Test func aRunGoesOnWhateverTheSharesWere() throws {
        let folder = try TrialFolder()
        let settings = Self.division(ranks: 2)
        try folder.trainToEnd(ranks: 2, output: "whole", settings)
        let first = try folder.train(ranks: 2, output: "parts", settings + Self.balanced)
        try #require(first.status == 0 && !shares(first).isEmpty, "\(first.errors)")
        try folder.remove("parts/checkpoint-30.h5")
        let second = try folder.train(ranks: 2, output: "parts", settings + Self.balanced)
        try #require(second.status == 0, "\(second.errors)")
        #expect(second.says("resuming from parts/checkpoint-20.h5"), "\(second.errors)")
        #expect(largestDifference(try folder.losses("parts"), try folder.losses("whole")) < 1e-5)
        let (found, expected) = try (
            folder.state("parts", step: 30), folder.state("whole", step: 30)
        )
        #expect(found.metadata.data == expected.metadata.data)
    }

    @Test func oneRankSaysThatItComputesAll() throws {
        let folder = try TrialFolder()
        let run = try folder.train([
            "max_steps=2", "balance=true", "gradient_accumulation_steps=2", "save_strategy=no",
        ])
        #expect(run.status == 0 && run.says("balance: one rank computes every micro-batch"))
    }
}
