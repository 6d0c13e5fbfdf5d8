import Configuration
import ConfigurationSupport
import Foundation
import ModelFiles
import TestSupport
import Testing

/// Model folders whose weights are PyTorch's files.
@Suite struct TorchModelTests {
    private let ids: [Int32] = [3, 90, 17, 4, 55, 1, 62]

    /// models/llama with its weights in pytorch_model-0000x-of-00002.bin.
    private func sharded() throws -> ModelFolder {
        let folder = try ModelFolder("llama", in: "models")
        try FileManager.default.removeItem(atPath: folder.path + "/model.safetensors")
        let source = References.folder.appendingPathComponent("torch_files/llama").path
        for name in try FileManager.default.contentsOfDirectory(atPath: source) {
            try FileManager.default.copyItem(
                atPath: source + "/" + name, toPath: folder.path + "/" + name)
        }
        return folder
    }

    private func scores(_ folder: ModelFolder, bits: Int? = nil) throws -> [Float] {
        try InferenceModel(path: folder.path, quantizationBits: bits, threads: 1)
            .logProbabilities(ids, of: "ids")
    }

    @Test func aModelInShardsScoresAsItsSafetensors() throws {
        let expected = try scores(ModelFolder("llama", in: "models"))
        let sharded = try sharded()
        #expect(try scores(sharded) == expected)
    }

    @Test func aModelInShardsIsQuantizedAsItsSafetensors() throws {
        let expected = try scores(ModelFolder("llama", in: "models"), bits: 8)
        #expect(try scores(sharded(), bits: 8) == expected)
    }

    @Test func aTiedModelWithBothNamesScoresAsItsSafetensors() throws {
        let whole = try ModelFolder("sharded", in: "checkpoints")
        let expected = try scores(whole)
        for name in try FileManager.default.contentsOfDirectory(atPath: whole.path)
        where name.contains("safetensors") {
            try FileManager.default.removeItem(atPath: whole.path + "/" + name)
        }
        let file = References.folder.appendingPathComponent("torch_files/gpt2/pytorch_model.bin")
        try FileManager.default.copyItem(
            at: file, to: URL(fileURLWithPath: whole.path + "/pytorch_model.bin"))
        #expect(try scores(whole) == expected)
    }

    @Test func aRunTakesAFolderOfPyTorchsFilesAndNoOtherPickles() throws {
        let folder = try sharded()
        var all = values(["stage": .string("pt"), "finetuning_type": .string("full")])
        all["model_name_or_path"] = ConfigurationValue(.string(folder.path))
        try RunConfiguration(values: all, command: .chat).validateFiles()
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where name.hasSuffix(".bin") {
            try FileManager.default.removeItem(atPath: folder.path + "/" + name)
        }
        try Data().write(to: URL(fileURLWithPath: folder.path + "/training_args.bin"))
        let error = #expect(throws: (any Error).self) {
            try RunConfiguration(values: all, command: .chat).validateFiles()
        }
        #expect("\(error as Any)".contains("holds no model.safetensors or pytorch_model.bin"))
    }
}
