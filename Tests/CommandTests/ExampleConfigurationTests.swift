import Foundation
import TestSupport
import Testing

/// Five of LLaMA-Factory's example files with their own keys; paths, and times where they would be
/// long, are given beside them.
@Suite struct ExampleConfigurationTests {
    /// A folder with the examples' data and a model with as many positions as they ask for.
    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("llamafactory/data", as: "data")
        let configuration = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            configuration.replacing(
                "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 4096"))
        // Enough text for some samples of cutoff_len.
        let text = String(decoding: try folder.data("data/c4_demo.jsonl"), as: UTF8.self)
        try folder.write("data/c4_demo.jsonl", String(repeating: text, count: 30))
        return folder
    }

    private func example(_ name: String) -> String {
        References.folder.appendingPathComponent("llamafactory/\(name).yaml").path
    }

    private let common = [
        "model_name_or_path=model", "dataset_dir=data", "threads_per_rank=1", "peak_gflops=50",
    ]

    @Test func loraIsTrainedMergedAndTalkedTo() throws {
        let folder = try folder()
        let run = try folder.run(
            ["train", example("train_lora/qwen3_lora_sft"), "output_dir=saves/sft", "max_steps=4"]
                + common)
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("template qwen3_nothink") && run.says("rank 8, alpha 16.0"))
        #expect(run.says("trust_remote_code: no effect here"))
        #expect(folder.exists("saves/sft/adapter_model.safetensors"))
        #expect(folder.exists("saves/sft/training_loss.svg"), "plot_loss")

        let paths = ["model_name_or_path=model", "adapter_name_or_path=saves/sft"]
        let merge = try folder.run(
            ["export", example("merge_lora/qwen3_lora_sft"), "export_dir=saves/merged"] + paths)
        #expect(merge.status == 0 && folder.exists("saves/merged/model.safetensors"))
        let beside = try folder.logProbabilities("model", adapter: "saves/sft")
        #expect(largestDistance(try folder.logProbabilities("saves/merged"), beside) < 1e-4)

        let settings = ["temperature=0", "max_new_tokens=8"]
        let chat = try folder.run(
            ["chat", example("inference/qwen3_lora_sft")] + paths + settings, input: "hi\n")
        #expect(chat.status == 0 && chat.output.count > 1, "\(chat.errors)")
        let merged = try folder.run(
            [
                "chat", example("inference/qwen3_lora_sft"), "adapter_name_or_path=",
                "model_name_or_path=saves/merged",
            ] + settings, input: "hi\n")
        #expect(merged.output == chat.output, "\(merged.errors)")
    }

    @Test func allWeightsAreTrained() throws {
        let folder = try folder()
        let run = try folder.run(
            ["train", example("train_full/qwen3_full_sft"), "output_dir=saves/full", "max_steps=4"]
                + common)
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("trainable%: 100.0000") && run.says("deepspeed: no effect"))
        #expect(folder.exists("saves/full/model.safetensors"))
    }

    @Test func pretrainingTokenizesItsTextItself() throws {
        let folder = try folder()
        func train(ranks: Int, _ output: String, _ more: [String]) throws -> LockstepRun {
            let run = try folder.run(
                ["train", example("train_lora/qwen3_lora_pretrain"), "output_dir=\(output)"]
                    + common + ["gradient_accumulation_steps=\(8 / ranks)"] + more, ranks: ranks)
            try #require(run.status == 0, "\(run.errors)")
            return run
        }
        let run = try train(ranks: 1, "saves/pt", ["max_steps=1"])
        #expect(run.says("c4_demo: tokenized into saves/pt/tokenized ("))
        #expect(!run.says("max_samples: not used"))
        #expect(folder.exists("saves/pt/adapter_model.safetensors"))
        let on = try train(ranks: 1, "saves/pt", ["max_steps=2", "overwrite_output_dir=false"])
        #expect(on.says("c4_demo: its tokens are in saves/pt/tokenized ("))
        #expect(on.says("resuming from saves/pt/checkpoint-1.h5"))
        let two = try train(ranks: 2, "saves/two", ["max_steps=1"])
        #expect(two.says("c4_demo: tokenized into saves/two/tokenized ("))
        for name in folder.names("saves/pt/tokenized") where name.hasSuffix(".tokens") {
            #expect(
                try folder.data("saves/pt/tokenized/\(name)")
                    == folder.data("saves/two/tokenized/\(name)"))
        }
        // bfloat16 gradients are added in another order.
        #expect(
            largestDifference(
                try folder.losses("saves/two"), Array(try folder.losses("saves/pt").prefix(1)))
                < 1e-3)
    }
}
