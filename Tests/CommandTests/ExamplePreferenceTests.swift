import Foundation
import TestSupport
import Testing

/// LLaMA-Factory's example files of dpo, kto and rm with their own keys; paths are given beside them.
@Suite struct ExamplePreferenceTests {
    @Test(arguments: [("dpo", "rewards/accuracies"), ("kto", "kl"), ("reward", "accuracy")])
    func anExampleRunsUnchanged(_ name: String, _ figure: String) throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("llamafactory/data", as: "data")
        let configuration = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            configuration.replacing(
                "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 4096"))
        let example = References.folder
            .appendingPathComponent("llamafactory/train_lora/qwen3_lora_\(name).yaml").path
        let run = try folder.run([
            "train", example, "output_dir=out", "model_name_or_path=model", "dataset_dir=data",
            "threads_per_rank=1", "peak_gflops=50", "logging_steps=1",
        ])
        try #require(run.status == 0, "\(run.errors)")
        // Ten rows in steps of eight, three times.
        #expect(try folder.figures(figure).count == 6)
        #expect(folder.exists("out/adapter_model.safetensors"))
        #expect(folder.exists("out/training_loss.svg"))
        #expect(folder.exists("out/value_head.safetensors") == (name == "reward"))
    }
}
