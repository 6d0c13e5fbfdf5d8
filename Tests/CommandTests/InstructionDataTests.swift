import Foundation
import Testing

/// Rows that are streamed or kept, and the tokenizer's files that go with a template.
@Suite struct InstructionDataTests {
    private static let streaming = [
        "streaming=true", "buffer_size=5", "disable_shuffling=false", "max_steps=12",
        "save_steps=1", "val_size=3", "eval_strategy=steps", "eval_steps=12",
    ]

    @Test func aStreamResumedEqualsTheUninterruptedOneBitForBit() throws {
        let folder = try TrialFolder.finetuning()
        var rows = try String(decoding: folder.data("data/rows.json"), as: UTF8.self)
        // A wrong row, so that examples and rows do not count alike.
        rows = rows.replacing("[\n {", with: "[\n {\"instruction\": 1},\n {", maxReplacements: 1)
        try folder.write("data/rows.json", rows)
        let whole = try folder.tuneToEnd(output: "whole", Self.streaming)
        #expect(whole.says("rows, read and encoded as they are needed"))
        for step in [1, 5, 11] {
            let output = "from\(step)"
            try folder.copy("whole/checkpoint-\(step).h5", to: "kept.h5")
            try folder.write("\(output)/checkpoint-\(step).h5", try folder.data("kept.h5"))
            try folder.remove("kept.h5")
            let run = try folder.tuneToEnd(output: output, Self.streaming)
            #expect(run.says("resuming from \(output)/checkpoint-\(step).h5"))
            #expect(
                try folder.data(output + "/adapter_model.safetensors")
                    == folder.data("whole/adapter_model.safetensors"), "step \(step)")
        }
    }

    @Test func ranksDivideAStreamAsOneRankReadsIt() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "one", Self.streaming + ["per_device_train_batch_size=4"])
        try folder.tuneToEnd(output: "two", ranks: 2, Self.streaming)
        #expect(largestDifference(try folder.losses("two"), try folder.losses("one")) < 1e-5)
    }

    @Test func keptExamplesNeedNoRowsAndFitOnlyTheirSettings() throws {
        let folder = try TrialFolder.finetuning()
        let kept = ["tokenized_path=kept", "max_steps=6"]
        let first = try folder.tuneToEnd(output: "first", ranks: 2, kept)
        #expect(first.says("examples encoded and kept in kept"))
        try folder.remove("data/rows.json")
        let second = try folder.tuneToEnd(output: "second", ranks: 2, kept)
        #expect(second.says("examples read from kept, where `lockstep prepare` or an earlier run"))
        #expect(try folder.losses("second") == folder.losses("first"))
        let other = try folder.tune(output: "third", kept + ["cutoff_len=64"])
        #expect(other.status == 2)
        #expect(other.says("prepared with cutoff_len '256', but the run has '64'"))
        #expect(!folder.exists("third"))
    }

    @Test func savedTokenizerEndsWhereTheTemplateDoes() throws {
        let folder = try TrialFolder.finetuning()
        let name = "model/tokenizer_config.json"
        let text = String(decoding: try folder.data(name), as: UTF8.self)
        try folder.write(
            name,
            text.replacing(
                "\"eos_token\": \"<|im_end|>\"", with: "\"eos_token\": \"<|endoftext|>\""))
        try folder.tuneToEnd(["max_steps=2", "save_steps=2"])
        for folderName in ["out", "out/checkpoint-2"] {
            let object = try JSONSerialization.jsonObject(
                with: folder.data(folderName + "/tokenizer_config.json"))
            let names = try #require(object as? [String: Any])
            #expect(names["eos_token"] as? String == "<|im_end|>")
            #expect(names["chat_template"] == nil)
        }
    }

    @Test(arguments: ["gemm", "allreduce"])
    func benchesOfTheMachineTakeAConfiguration(_ kind: String) throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.run(["bench", kind, "run.yaml", "--json"])
        #expect(run.status == 0, "\(run.errors)")
        #expect((try JSONSerialization.jsonObject(with: Data(run.output.utf8))) is [String: Any])
        let wrong = try folder.run(["bench", kind, "run.yaml", "learning_rat=1"])
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("learning_rate"), "\(wrong.errors)")
    }

    @Test func benchDataCountsRowsAndTokens() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.run(["bench", "data", "run.yaml", "--json"])
        #expect(run.status == 0, "\(run.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let figures = try #require(object as? [String: Any])
        #expect(figures["samples"] as? Int == 24)
        #expect(figures["stage"] as? String == "sft")
        #expect((figures["tokensPerSecond"] as? Double ?? 0) > 0)
    }
}
