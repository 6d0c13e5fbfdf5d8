import Foundation
import TestSupport
import Testing

/// Runs beside those of transformers and PEFT on the same rows, labels and order (float32, no
/// dropout). Both compute in float32 and differ in the order of their sums only.
@Suite struct FinetuningReferenceTests {
    /// A run of the reference and how to ask for it here.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let all = [
            Case(name: "lora", overrides: ["adapter_name_or_path=lora_start"]),
            Case(name: "dora", overrides: ["adapter_name_or_path=dora_start"]),
            Case(name: "full", overrides: ["finetuning_type=full", "learning_rate=3e-3"]),
        ]
    }

    private func reference(_ name: String) throws -> (losses: [Double], norms: [Double]) {
        let all = try References.object("finetuning/reference.json")
        let run = try #require(all[name] as? [String: Any])
        return (
            try #require(run["losses"] as? [Double]),
            try #require(run["gradient_norms"] as? [Double])
        )
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(run.overrides)
        let expected = try reference(run.name)
        try #require(expected.losses.count == 30)
        #expect(largestDifference(try folder.losses(), expected.losses) < 1e-5)
        #expect(largestDifference(try folder.log().compactMap(\.norm), expected.norms) < 1e-4)
        #expect(try folder.progress() < 0.9, "the model learns")
    }

    @Test(arguments: Case.all)
    func twoRanksFollowTheReferenceToo(_ run: Case) throws {
        let folder = try TrialFolder.finetuning()
        let overrides = run.overrides + ["per_device_train_batch_size=1", "zero_stage=1"]
        try folder.tuneToEnd(ranks: 2, overrides)
        let expected = try reference(run.name)
        #expect(largestDifference(try folder.losses(), expected.losses) < 1e-5)
        #expect(largestDifference(try folder.log().compactMap(\.norm), expected.norms) < 1e-4)
    }

    // Sums over rows in another order.
    @Test(arguments: [
        ["lora_dropout=0.2"], ["quantization_bit=4", "use_dora=true"],
        ["finetuning_type=adapter", "learning_rate=5e-3"], ["neat_packing=true"],
        ["finetuning_type=freeze", "learning_rate=3e-3"],
    ])
    func twoRanksEqualOne(_ overrides: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let overrides = overrides + ["disable_shuffling=false", "max_steps=12"]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(output: "two", ranks: 2, overrides + ["per_device_train_batch_size=1"])
        let (one, two) = try (folder.losses("one"), folder.losses("two"))
        #expect(one.count == 12 && largestDifference(two, one) < 1e-5)
        #expect(
            largestDifference(
                try folder.log("two").compactMap(\.norm), try folder.log("one").compactMap(\.norm))
                < 1e-4)
    }

    @Test func anAdapterThatGoesOnKeepsItsFormAndSaysWhichKeysItDoesNotUse() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd([
            "adapter_name_or_path=lora_start", "lora_rank=16", "use_dora=true", "max_steps=2",
        ])
        #expect(
            run.says(
                "lora_rank, use_dora: not used, since the adapter in lora_start goes on as its "
                    + "adapter_config.json says"))
        let tensors = try EditableTensors(folder.data("out/adapter_model.safetensors")).tensors
        let start = try EditableTensors(folder.data("lora_start/adapter_model.safetensors")).tensors
        #expect(tensors.mapValues(\.shape) == start.mapValues(\.shape))
    }
}
