import Foundation
import TestSupport
import Testing

/// OFT, BOFT and IA3 in runs: learned, resumed, merged, gone on with, and LLaMA-Factory's example.
@Suite struct PEFTMethodRunTests {
    private static let methods = [
        ["finetuning_type=oft", "oft_block_size=8"],
        ["finetuning_type=boft", "boft_block_size=4", "boft_n_butterfly_factor=2"],
        ["finetuning_type=ia3", "learning_rate=0.1"],
    ]

    @Test(arguments: methods)
    func anAdapterIsLearnedMergedAndGoneOnWith(_ method: [String]) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(method)
        #expect(try folder.progress() < 0.97)
        #expect(folder.exists("out/adapter_model.safetensors"))
        #expect(!folder.exists("out/model.safetensors"))
        let beside = try folder.logProbabilities("model", adapter: "out")
        #expect(largestDistance(beside, try folder.logProbabilities("model")) > 1e-2)
        let merge = try folder.run([
            "export", "run.yaml", "export_dir=merged", "adapter_name_or_path=out",
        ])
        try #require(merge.status == 0, "\(merge.errors)")
        #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)
        // The trained adapter beside the base is what the run ended with; a second one on it, too.
        try folder.tuneToEnd(
            output: "on", method + ["adapter_name_or_path=out", "max_steps=1"])
        #expect(try folder.losses("on")[0] < folder.losses()[24])
        try folder.tuneToEnd(
            output: "new",
            method + ["adapter_name_or_path=out", "create_new_adapter=true", "max_steps=1"])
        #expect(
            largestDifference(
                try folder.losses("new"), Array(try folder.losses("on").prefix(1))) < 1e-5)
    }

    @Test(arguments: methods)
    func theRowsOfNewTokensAreScoredChattedWithMergedAndGoneOnWith(_ method: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let settings = method + ["add_special_tokens=<think>,</think>", "max_steps=2"]
        try folder.tuneToEnd(settings)
        let beside = try folder.logProbabilities("model", adapter: "out")
        #expect(try folder.logProbabilities("out") == beside)
        let generated = try folder.run([
            "generate", "--model", "out", "--prompt", "Red", "--temperature", "0",
            "--max-new-tokens", "2", "--threads", "1",
        ])
        #expect(generated.status == 0, "\(generated.errors)")
        try folder.write(
            "chat.yaml",
            "model_name_or_path: model\nadapter_name_or_path: out\ntemplate: chatml\n"
                + "max_new_tokens: 2\ndo_sample: false\n")
        let chat = try folder.run(["chat", "chat.yaml"], input: "Red\n")
        #expect(chat.status == 0, "\(chat.errors)")
        let merge = try folder.run([
            "export", "run.yaml", "export_dir=merged", "adapter_name_or_path=out",
        ])
        try #require(merge.status == 0, "\(merge.errors)")
        #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)
        try folder.tuneToEnd(
            output: "on",
            method.filter { !$0.hasPrefix("learning_rate") }
                + ["adapter_name_or_path=out", "learning_rate=1e-30", "max_steps=1"])
        #expect(try folder.logProbabilities("on") == beside)
    }

    @Test(arguments: methods)
    func aRunIsTheSameOnTwoRanksAndAfterResuming(_ method: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let settings = method + ["max_steps=8"]
        try folder.tuneToEnd(output: "one", settings)
        try folder.tuneToEnd(
            output: "two", ranks: 2, settings + ["gradient_accumulation_steps=1"])
        let expected = try folder.losses("one")
        #expect(largestDifference(try folder.losses("two"), expected) < 1e-5)
        try folder.tuneToEnd(output: "parts", settings + ["save_steps=3"])
        try folder.rewind("parts", to: "resumed", step: 3)
        try folder.tuneToEnd(
            output: "resumed", settings + ["save_steps=3", "resume_from_checkpoint=true"])
        #expect(try folder.losses("resumed") == expected)
        #expect(
            try folder.data("resumed/adapter_model.safetensors")
                == folder.data("one/adapter_model.safetensors"))
    }

    /// examples/extras/oft/llama3_oft_sft.yaml with its own keys; the small tokenizer gets the tokens of Llama 3's
    /// template.
    @Test func theExampleOfOFTRuns() throws {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("llamafactory/data", as: "data")
        let configuration = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            configuration.replacing(
                "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 4096"))
        let example = References.folder.appendingPathComponent("llamafactory/extras/oft.yaml")
        let run = try folder.run([
            "train", example.path, "model_name_or_path=model", "dataset_dir=data",
            "output_dir=saves/oft", "max_steps=2", "threads_per_rank=1", "peak_gflops=50",
            "resize_vocab=true",
        ])
        try #require(run.status == 0, "\(run.errors)")
        #expect(run.says("Fine-tuning method: OFT, blocks of"))
        #expect(folder.exists("saves/oft/adapter_model.safetensors"))
    }
}
