import Foundation
import TestSupport
import Testing

/// Runs whose tokenizer and model get more tokens.
@Suite struct VocabularyGrowthTests {
    private static let tokens = ["<think>", "</think>"]
    private let added = ["add_special_tokens=<think>,</think>"]
    /// References/finetuning/model has 384 rows of 32 numbers, and as many tokens.
    private let ownRows = 384
    private let rows = 448
    private let width = 32

    /// The finetuning folder with new tokens in its rows.
    private func folder() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        var text = String(decoding: try folder.data("data/rows.json"), as: UTF8.self)
        text = text.replacingOccurrences(
            of: "\"output\": \"", with: "\"output\": \"<think></think>")
        try #require(text.contains("<think>"))
        try folder.write("data/rows.json", text)
        return folder
    }

    private func tensors(_ folder: TrialFolder, _ file: String) throws -> EditableTensors {
        try EditableTensors(folder.data(file))
    }

    private func numbers(_ tensor: EditableTensors.Tensor?) throws -> [Float] {
        try #require(tensor).bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    }

    private func newIDs(_ folder: TrialFolder, _ name: String) throws -> [Int?] {
        struct File: Decodable {
            struct Token: Decodable { let id: Int, content: String, special: Bool }
            let addedTokens: [Token]
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = try decoder.decode(File.self, from: folder.data("\(name)/tokenizer.json"))
        return Self.tokens.map { token in file.addedTokens.first { $0.content == token }?.id }
    }

    @Test func newRowsBeginAtTheMeanOfTheOthersPlusNoise() throws {
        let folder = try folder()
        // A step of no length: what is written is what the run began with.
        let run = try folder.tuneToEnd(
            added + ["finetuning_type=full", "learning_rate=1e-30", "max_steps=1"])
        #expect(run.errors.contains("grow from 384 to 448 rows"), "\(run.errors)")
        let name = "model.embed_tokens.weight"
        let own = try numbers(tensors(folder, "model/model.safetensors").tensors[name])
        let written = try tensors(folder, "out/model.safetensors").tensors[name]
        #expect(written?.shape == [rows, width])
        let grown = try numbers(written)
        #expect(Array(grown.prefix(own.count)) == own)
        let mean = (0..<width).map { column in
            (0..<ownRows).reduce(0) { $0 + own[$1 * width + column] } / Float(ownRows)
        }
        let noise = grown.indices.dropFirst(own.count).map { grown[$0] - mean[$0 % width] }
        // 64 rows of 32 numbers of deviation 1/√32; bounds at four deviations of each estimate.
        let deviation = 1 / Float(width).squareRoot()
        let count = Float(noise.count)
        let average = noise.reduce(0, +) / count
        let spread = (noise.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
        #expect(abs(average) < 4 * deviation / count.squareRoot())
        #expect(abs(spread / deviation - 1) < 4 / (2 * count).squareRoot())
        #expect(Set(noise).count > noise.count * 9 / 10)
        let text = String(decoding: try folder.data("out/config.json"), as: UTF8.self)
        #expect(text.contains("\"vocab_size\": 448"))
        #expect(try newIDs(folder, "out") == [384, 385])
    }

    @Test func aTokenWithARowOfTheModelBeginsAnewThere() throws {
        let folder = try folder()
        let settings = ["finetuning_type=full", "learning_rate=1e-30", "max_steps=1"]
        try folder.tuneToEnd(output: "wide", added + settings)
        let run = try folder.tuneToEnd(
            settings + ["model_name_or_path=wide", "add_tokens=<new>"])
        #expect(run.errors.contains("keep their 448 rows"), "\(run.errors)")
        let name = "model.embed_tokens.weight"
        let before = try numbers(tensors(folder, "wide/model.safetensors").tensors[name])
        let after = try numbers(tensors(folder, "out/model.safetensors").tensors[name])
        try #require(before.count == after.count)
        #expect(Set(before.indices.filter { before[$0] != after[$0] }.map { $0 / width }) == [386])
    }

    @Test func aLoRATrainsAndKeepsTheNewRows() throws {
        let folder = try folder()
        let run = try folder.tuneToEnd(added)
        #expect(run.errors.contains("added to the tokenizer: <think>, </think>"))
        #expect(try folder.progress() < 0.9)
        let tensors = try tensors(folder, "out/adapter_model.safetensors").tensors
        let names = ["model.embed_tokens.weight", "lm_head.weight"].map { "base_model.model." + $0 }
        for name in names { #expect(tensors[name]?.shape == [rows, width], "\(name)") }
        let configuration = String(
            decoding: try folder.data("out/adapter_config.json"), as: UTF8.self)
        #expect(configuration.contains("\"lm_head\"") && configuration.contains("\"embed_tokens\""))
        #expect(try newIDs(folder, "out") == [384, 385])

        // With the adapter, its run's folder, a checkpoint, and merged: the same model.
        let beside = try folder.logProbabilities("model", adapter: "out")
        #expect(try folder.logProbabilities("out") == beside)
        #expect(try folder.logProbabilities("out/checkpoint-30.h5") == beside)
        try folder.write(
            "export.yaml",
            "model_name_or_path: model\nadapter_name_or_path: out\ntemplate: chatml\n"
                + "finetuning_type: lora\nexport_dir: merged\n")
        for settings in [[], added + ["resize_vocab=true"]] {
            let export = try folder.run(["export", "export.yaml"] + settings)
            #expect(export.status == 0, "\(export.errors)")
            #expect(largestDistance(try folder.logProbabilities("merged"), beside) < 1e-4)
            #expect(try newIDs(folder, "merged") == [384, 385])
            try folder.remove("merged")
        }
        let chat = try folder.run(
            [
                "chat", "export.yaml", "max_new_tokens=4", "do_sample=false",
                "skip_special_tokens=false",
            ]
                + added, input: "Red\n")
        #expect(chat.status == 0, "\(chat.errors)")
    }

    @Test(arguments: ["lora", "full"])
    func aResumedRunEndsAsOneThatWasNotStopped(method: String) throws {
        let folder = try folder()
        let settings = added + ["finetuning_type=\(method)", "save_steps=10", "max_steps=20"]
        try folder.tuneToEnd(output: "whole", settings)
        try folder.rewind("whole", to: "again", step: 10)
        let run = try folder.tuneToEnd(output: "again", settings)
        #expect(run.errors.contains("resuming from"))
        try expectSameFinetuning(folder, "whole", "again", step: 20)
    }

    @Test func twoRanksLearnAsOne() throws {
        let folder = try folder()
        let settings = added + ["max_steps=6"]
        try folder.tuneToEnd(output: "one", settings + ["per_device_train_batch_size=2"])
        try folder.tuneToEnd(
            output: "two", ranks: 2, settings + ["per_device_train_batch_size=1"])
        #expect(largestDifference(try folder.losses("one"), try folder.losses("two")) < 1e-4)
    }

    @Test func anAdapterGoesOnWithItsRows() throws {
        let folder = try folder()
        try folder.tuneToEnd(output: "first", added + ["max_steps=10"])
        let settings = ["adapter_name_or_path=first", "learning_rate=1e-30", "max_steps=1"]
        for keys in [[], added] {
            try folder.tuneToEnd(output: "next", settings + keys + ["overwrite_output_dir=true"])
            #expect(
                try folder.logProbabilities("next") == folder.logProbabilities("first"), "\(keys)")
            #expect(try newIDs(folder, "next") == [384, 385])
        }
        // A new adapter over the first: both are needed.
        try folder.tuneToEnd(
            output: "more",
            settings + ["create_new_adapter=true", "overwrite_output_dir=true"])
        let (both, first) = try (folder.logProbabilities("more"), folder.logProbabilities("first"))
        // What was merged is rounded to float32 once more.
        #expect(largestDistance(both, first) < 1e-4)
        try folder.remove("more/merged_adapters.json")
        let alone = try folder.run(["score", "--model", "more", "--input", "texts.txt"])
        #expect(alone.status == 2)
        #expect(alone.errors.contains("name the adapters first that it was trained on"))
    }

    @Test func aTemplatesStopWordsAreAddedWhereTheVocabularyMayGrow() throws {
        let folder = try folder()
        let refused = try folder.tune(["template=llama3"])
        #expect(refused.status == 2)
        #expect(refused.errors.contains("<|eot_id|>"))
        #expect(refused.errors.contains("resize_vocab: true"), "\(refused.errors)")
        #expect(!folder.exists("out"))
        // Of llama3's tokens only those that end an answer are added; the others are text here.
        let run = try folder.tuneToEnd(["template=llama3", "resize_vocab=true", "max_steps=1"])
        #expect(run.errors.contains("added to the tokenizer: <|eot_id|>, <|eom_id|>"))
        let text = String(decoding: try folder.data("out/tokenizer_config.json"), as: UTF8.self)
        #expect(text.contains("\"eos_token\": \"<|eot_id|>\""), "\(text)")
        #expect(try folder.logProbabilities("out") != folder.logProbabilities("model"))
    }

    @Test func whatCannotGrowIsRefusedInOneLine() throws {
        let folder = try folder()
        try folder.write(
            "export.yaml", "model_name_or_path: model\nexport_dir: made\nexport_gguf: f16\n")
        #expect(try folder.run(["export", "export.yaml"]).status == 0)
        for (settings, named) in [
            (["model_name_or_path=made/model-f16.gguf"], "vocabulary cannot grow"),
            (["finetuning_type=adapter"], "keeps no rows of new tokens (<think>, </think>)"),
            (["additional_target=norm"], "which the adapter would not hold"),
            (
                ["finetuning_type=oft", "oft_block_size=8", "additional_target=norm"],
                "which the adapter would not hold"
            ),
        ] {
            let run = try folder.tune(added + settings)
            #expect(run.status == 2, "\(run.errors)")
            #expect(run.errors.contains(named), "\(run.errors)")
            #expect(!folder.exists("out"))
        }
        try folder.write(
            "chat.yaml", "model_name_or_path: model\ntemplate: chatml\nadd_tokens: <new>\n")
        let chat = try folder.run(["chat", "chat.yaml"], input: "Hi\n")
        #expect(chat.status == 2 && chat.errors.contains("'<new>'"), "\(chat.errors)")
    }
}
