import Autograd
import Configuration
import ConfigurationSupport
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import Tokenizers

/// Encoders and encoder-decoders whose vocabulary grows: References/encoders and encoder_decoders have 53
/// rows, and a tokenizer of as many word pieces is put beside them here.
@Suite struct GrownEncoderTests {
    private static let ownRows = 53
    private static let rows = 64

    private let folder = TestFolder()
    private let words = TestFolder()

    /// Makes the folder one of References with a tokenizer.
    private func write(_ base: String) throws {
        let place = References.folder.appending(path: base)
        for name in ["config.json", "model.safetensors"] {
            folder.write(name, [UInt8](try Data(contentsOf: place.appending(path: name))))
        }
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        let pieces = special + (special.count..<Self.ownRows).map { "w\($0)" }
        words.write("vocab.txt", pieces.joined(separator: "\n") + "\n")
        words.write("tokenizer_config.json", #"{"tokenizer_class": "BertTokenizer"}"#)
        // As tokenizer.json, whatever the model's own class is.
        try TokenizerFolder.write(TokenizerFolder.load(words.path), to: folder.path)
    }

    private func setup(
        _ settings: KeyValuePairs<String, ConfigurationValue.Content>,
        for purpose: ModelPurpose = .language
    ) throws -> ModelSetup {
        var all = trainingValues(settings, without: ["train_from_scratch"])
        all["model_name_or_path"] = ConfigurationValue(.string(folder.path))
        all["add_special_tokens"] = ConfigurationValue(.string("<new>"))
        let configuration = try RunConfiguration(values: all, command: .train)
        return try ModelSetup(ModelSource(path: folder.path), configuration, for: purpose)
    }

    /// Gives the model its memory and its numbers.
    private func filled(_ setup: ModelSetup) throws -> Workspace {
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            setup.model.parameters, computeType: .float32, training: false, in: workspace)
        try setup.fill(in: workspace)
        return workspace
    }

    /// Gives the bias, of zeros in some files, numbers of its own.
    private func rewriteBias(_ names: [String]) throws {
        var bytes = folder.bytes("model.safetensors")
        let length = (0..<8).reduce(0) { $0 + Int(bytes[$1]) << (8 * $1) }
        let header = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: Any])
        for name in names {
            let entry = try #require(header[name] as? [String: Any])
            let offsets = try #require(entry["data_offsets"] as? [Int])
            for row in 0..<Self.ownRows {
                let place = 8 + length + offsets[0] + 4 * row
                let bits = Self.bias(row).bitPattern
                for byte in 0..<4 { bytes[place + byte] = UInt8(bits >> (8 * UInt32(byte)) & 255) }
            }
        }
        folder.write("model.safetensors", bytes)
    }

    private static func bias(_ row: Int) -> Float { Float(row) / 2 - 1 }

    /// transformers 5.23: `resize_token_embeddings` of 10 rows whose bias is n/2 − 1 gives new ones 0 where
    /// the head is tied, and otherwise 1.25, which is the mean (scripts/references/transformers_literals.py).
    @Test(arguments: [
        ("bert", ["cls.predictions.bias"], Float(0)), ("roberta", ["lm_head.bias"], 0),
        ("electra", ["generator_lm_head.bias"], 0), ("modernbert", ["decoder.bias"], 0),
        ("distilbert", ["vocab_projector.bias"], 0), ("mpnet", ["lm_head.bias"], 0),
        ("albert", ["predictions.bias"], 0),
        ("bert_odd", ["cls.predictions.bias", "cls.predictions.decoder.bias"], 12),
    ])
    func theHeadsBiasGrowsAsTransformersDoes(
        _ base: String, _ names: [String], _ expected: Float
    ) throws {
        try write("encoders/" + base)
        try rewriteBias(names)
        let setup = try setup(["finetuning_type": .string("full")])
        let workspace = try filled(setup)
        let bias = workspace.numbers(try #require(setup.model.headBias))
        let new = Array(repeating: expected, count: Self.rows - Self.ownRows)
        #expect(bias == (0..<Self.ownRows).map(Self.bias) + new)
        // Rows of the head have noise.
        let head = workspace.numbers(setup.model.head)
        let width = head.count / Self.rows
        #expect(Set(head.suffix(2 * width)).count == 2 * width)
    }

    @Test func aTasksModelGrowsWhoseParametersHaveOtherNames() throws {
        try write("encoder_decoders/t5")
        let plain = try ModelSource(path: folder.path).model()
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            plain.parameters, computeType: .float32, training: false, in: workspace)
        try ModelSource(path: folder.path).fill(plain, plain.parameters, in: workspace)
        let own = workspace.numbers(plain.head)
        let plan = TaskPlan(.sequence, labels: ["a", "b", "c"])
        let setup = try setup(["finetuning_type": .string("full")], for: .task(plan))
        let table = try filled(setup).numbers(setup.model.head)
        #expect(setup.model.head.name == "transformer.shared.weight")
        #expect(table.count == Self.rows * own.count / Self.ownRows)
        #expect(Array(table.prefix(own.count)) == own)
    }

    @Test(arguments: [("bert", "cls.predictions.bias"), ("modernbert", "decoder.bias")])
    func aLoRAThatCannotKeepTheBiasSaysThatFullDoes(_ base: String, _ bias: String) throws {
        try write("encoders/" + base)
        let targets = base == "modernbert" ? "Wqkv" : "query,value"
        #expect {
            _ = try setup(
                ["finetuning_type": .string("lora"), "lora_target": .string(targets)])
        } throws: {
            "\($0)".contains("keeps no rows of new tokens (<new>) in \(bias); use full")
        }
    }
}
