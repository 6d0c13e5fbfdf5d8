import Foundation
import TestSupport
import Testing

/// Runs with `stage: kto` beside PyTorch written for the purpose (scripts/references/preferences.py).
@Suite struct DesirabilityRunTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let kto = ["stage=kto", "dataset=kto"]
        static let all = [
            Case(name: "kto", overrides: kto),
            Case(
                name: "kto_weights",
                overrides: kto + [
                    "kto_chosen_weight=0.7", "kto_rejected_weight=1.3", "pref_ftx=0.25",
                ]),
            Case(name: "kto_lora", overrides: kto + PreferenceRunTests.Case.lora),
        ]
    }

    private func expect(
        _ folder: TrialFolder, _ run: Case, output: String = "out",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let all = try References.object("preferences/reference.json")
        let reference = try #require(all[run.name] as? [String: Any])
        // float32 sums in another order.
        for (found, name) in [
            (try folder.losses(output), "losses"),
            (try folder.figures("kl", of: output), "kl"),
            (try folder.figures("rewards/chosen", of: output), "rewards/chosen"),
            (try folder.figures("rewards/rejected", of: output), "rewards/rejected"),
        ] {
            let expected = try #require(reference[name] as? [Double])
            try #require(expected.count == 30)
            #expect(
                largestDistance(found, expected) < (name == "losses" ? 2e-5 : 2e-4), "\(name)",
                sourceLocation: sourceLocation)
        }
        let norms = try #require(reference["gradient_norms"] as? [Double])
        #expect(
            largestDistance(try folder.log(output).compactMap(\.norm), norms)
                < 2e-4 * max(1, norms.max() ?? 1), sourceLocation: sourceLocation)
        let (chosen, rejected) = try (
            folder.figures("rewards/chosen", of: output),
            folder.figures("rewards/rejected", of: output)
        )
        #expect(
            largestDistance(
                try folder.figures("rewards/margins", of: output),
                zip(chosen, rejected).map { $0 - $1 }) < 1e-6, sourceLocation: sourceLocation)
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try TrialFolder.preferences()
        try folder.tuneToEnd(run.overrides)
        try expect(folder, run)
    }

    /// K is of the whole step's answers, whoever holds them.
    @Test(arguments: [0, 1])
    func ranksAndAccumulationDoNotCount(_ number: Int) throws {
        let run = Case.all[number]
        let folder = try TrialFolder.preferences()
        for (ranks, batch, accumulation) in [(2, 1, 2), (4, 1, 1), (1, 4, 1), (2, 2, 1)] {
            let output = "out-\(ranks)-\(batch)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                run.overrides + [
                    "per_device_train_batch_size=\(batch)",
                    "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(ranks / 2 % 2)",
                ])
            try expect(folder, run, output: output)
        }
        let even = run.overrides + ["max_steps=6", "disable_shuffling=false"]
        try folder.tuneToEnd(
            output: "one",
            even + ["per_device_train_batch_size=6", "gradient_accumulation_steps=1"])
        try folder.tuneToEnd(
            output: "three", ranks: 3, even + ["per_device_train_batch_size=1"])
        #expect(largestDistance(try folder.losses("three"), try folder.losses("one")) < 1e-5)
    }

    @Test(arguments: ["kto_sharegpt", "data/kto_trl.json"])
    func otherFormatsGiveTheSame(_ dataset: String) throws {
        let folder = try TrialFolder.preferences()
        let overrides = Case.kto + ["max_steps=4"]
        try folder.tuneToEnd(output: "alpaca", overrides)
        try folder.tuneToEnd(output: "other", overrides + ["dataset=\(dataset)"])
        #expect(try folder.losses("alpaca") == folder.losses("other"))
    }

    @Test(arguments: [1, 2])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ ranks: Int) throws {
        let folder = try TrialFolder.preferences()
        let overrides =
            Case.kto + [
                "disable_shuffling=false", "max_steps=10",
                "per_device_train_batch_size=\(2 / ranks)",
            ]
        try folder.tuneToEnd(output: "whole", ranks: ranks, overrides + ["save_steps=4"])
        try folder.rewind("whole", to: "out", step: 4)
        try folder.tuneToEnd(ranks: ranks, overrides)
        try expectSameFinetuning(folder, "out", "whole", step: 10)
    }

    @Test func heldOutAnswersAreEvaluatedAlikeOnAnyRanks() throws {
        let folder = try TrialFolder.preferences()
        let overrides =
            Case.kto + [
                "max_steps=4", "eval_dataset=kto_sharegpt", "eval_strategy=steps", "eval_steps=2",
            ]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(
            output: "two", ranks: 2,
            overrides + ["per_device_train_batch_size=1", "per_device_eval_batch_size=5"])
        for name in ["eval_loss", "eval_rewards/chosen", "eval_rewards/margins", "eval_kl"] {
            let (one, two) = try (
                folder.figures(name, of: "one"), folder.figures(name, of: "two")
            )
            #expect(one.count == 2 && largestDistance(one, two) < 1e-4, "\(name)")
        }
    }
}
