import Foundation
import TestSupport
import Testing

/// LLaMA-Factory's examples of its optimizers (examples/extras) with their own keys; paths, and times where they
/// would be long, are given beside them. The small tokenizer gets the tokens of Llama 3's template.
@Suite struct OptimizerExampleTests {
    @Test(arguments: [
        ("muon", 1), ("adam_mini", 2), ("apollo", 2), ("galore", 1), ("badam", 2),
    ])
    func anExampleOfAnOptimizerRuns(_ name: String, _ ranks: Int) throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("llamafactory/data", as: "data")
        let configuration = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            configuration.replacing(
                "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 4096"))
        let example = References.folder.appendingPathComponent("llamafactory/extras/\(name).yaml")
        let run = try folder.run(
            [
                "train", example.path, "model_name_or_path=model", "dataset_dir=data",
                "output_dir=saves/full", "max_steps=2", "logging_steps=1", "threads_per_rank=1",
                "peak_gflops=50", "resize_vocab=true",
            ], ranks: ranks)
        try #require(run.status == 0, "\(run.errors)")
        #expect(folder.exists("saves/full/model.safetensors"))
        #expect(try folder.losses("saves/full").count == 2)
    }
}
