import Foundation
import Testing

/// What becomes of a quantized GGUF base under each method.
@Suite struct FinetuningGGUFTests {
    /// A folder whose base.gguf has matrices of Q8_0, and `whole` with the same numbers as float32.
    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        try folder.write("export.yaml", "model_name_or_path: model\nexport_dir: made\n")
        try export(folder, ["export_gguf=q8_0"])
        try folder.copy("made/model-q8_0.gguf", to: "base.gguf")
        try export(folder, ["model_name_or_path=base.gguf", "export_dir=whole"])
        return folder
    }

    private func export(_ folder: TrialFolder, _ overrides: [String]) throws {
        let run = try folder.run(["export", "export.yaml"] + overrides)
        try #require(run.status == 0, "\(run.errors)")
    }

    /// Methods and whether the base's matrices stay quantized under them.
    static let methods: [(overrides: [String], keeps: Bool)] = [
        (["finetuning_type=lora"], true), (["use_dora=true"], true),
        (["finetuning_type=adapter"], true), (["pissa_init=true"], false),
        (["finetuning_type=freeze", "freeze_trainable_layers=1"], false),
        (["finetuning_type=full", "learning_rate=3e-3"], false),
    ]

    /// Products with blocks that stay quantized add up in another order.
    @Test(arguments: methods)
    func everyMethodTrainsOnTheFilesNumbers(_ overrides: [String], _ keeps: Bool) throws {
        let folder = try folder()
        let common = overrides + ["max_steps=12"]
        try folder.tuneToEnd(output: "quantized", common + ["model_name_or_path=base.gguf"])
        try folder.tuneToEnd(output: "plain", common + ["model_name_or_path=whole"])
        let (quantized, plain) = try (folder.losses("quantized"), folder.losses("plain"))
        try #require(quantized.count == 12)
        #expect(largestDifference(quantized, plain) < 1e-4)
        #expect(quantized[11] < quantized[0])
        #expect(
            folder.exists("quantized/model.safetensors") == folder.exists("plain/model.safetensors")
        )
        let isWhole = overrides.contains { $0.hasSuffix("freeze") || $0.hasSuffix("full") }
        #expect(folder.exists("quantized/model.safetensors") == isWhole)
        #expect(keeps || !isWhole || folder.exists("quantized/config.json"))
    }

    @Test(arguments: methods.map(\.overrides))
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try folder()
        let common =
            ["model_name_or_path=base.gguf", "disable_shuffling=false", "max_steps=12"] + overrides
        try folder.tuneToEnd(output: "whole-run", common + ["save_steps=5"])
        try folder.rewind("whole-run", to: "out", step: 5)
        let run = try folder.tuneToEnd(common)
        #expect(run.says("resuming from out/checkpoint-5.h5"))
        try expectSameFinetuning(folder, "out", "whole-run", step: 12)
    }

    @Test func aMergedQuantizedBaseScoresAsItsAdapterDoes() throws {
        let folder = try folder()
        try folder.tuneToEnd(["model_name_or_path=base.gguf"])
        try export(
            folder,
            ["model_name_or_path=base.gguf", "adapter_name_or_path=out", "export_dir=merged"])
        let beside = try folder.logProbabilities("base.gguf", adapter: "out")
        #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)
        #expect(largestDistance(try folder.logProbabilities("base.gguf"), beside) > 0.1)
    }
}
