import Autograd
import Files
import Finetuning
import Foundation
import Kernels
import Models
import TestSupport
import Testing
import WeightFiles

/// What users get wrong: one line that names the thing.
@Suite struct AdapterErrorTests {
    private func model(_ name: String) throws -> any LanguageModel {
        try ModelCatalog.model(configuration: try References.text("models/\(name)/config.json"))
    }

    /// A copy of an adapter of Tests/References with other arrays or another configuration.
    private func altered(
        _ name: String, settings: [String: Any] = [:],
        _ change: (inout [String: (shape: [Int], numbers: [Float])]) -> Void = { _ in }
    ) throws -> ScratchFolder {
        let scratch = try ScratchFolder()
        var values = try References.object("adapters/\(name)/adapter_config.json")
        for (key, value) in settings { values[key] = value }
        try JSONSerialization.data(withJSONObject: values).write(
            to: URL(fileURLWithPath: scratch.path + "/adapter_config.json"))
        let file = try ReferenceFile("adapters/\(name)/adapter_model.safetensors")
        var arrays: [String: (shape: [Int], numbers: [Float])] = [:]
        for name in file.names { arrays[name] = (try file.shape(name), try file.floats(name)) }
        change(&arrays)
        try SafetensorsFile.write(
            scratch.path + "/adapter_model.safetensors",
            arrays: arrays.map { ArrayDescription(name: $0.key, shape: $0.value.shape) },
            values: { arrays[$0.name]?.numbers ?? [] })
        return scratch
    }

    private func message(_ folder: String, base: String) -> String {
        do {
            let model = try model(base)
            let workspace = Workspace(threads: 1)
            let method = try AdapterCatalog.method(
                of: try AdapterFolder(path: folder), attachingTo: model)
            _ = ParameterStore(
                model.parameters, computeType: .float32, training: false, in: workspace)
            try method.read(from: folder, in: workspace)
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    private let first = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"

    @Test func aMissingTensorIsNamed() throws {
        let folder = try altered("llama_lora") { $0[first] = nil }
        #expect(message(folder.path, base: "llama").hasPrefix(first + " is missing in "))
    }

    @Test func anUnexpectedTensorIsNamed() throws {
        let folder = try altered("llama_lora") { $0["base_model.model.extra"] = ([1], [0]) }
        #expect(message(folder.path, base: "llama").hasPrefix("base_model.model.extra in "))
    }

    /// The file and its own key, not the key of a configuration that trains.
    @Test func halfOfATiedMatrixIsNamedWithItsFile() throws {
        let folder = try altered("gpt2_tied", settings: ["modules_to_save": ["lm_head"]])
        let text = message(folder.path, base: "gpt2")
        #expect(text.hasPrefix(folder.path + "/adapter_config.json: "), "\(text)")
        #expect(
            text.hasSuffix(
                " and lm_head are one matrix in this model, so that they are trained together; name "
                    + "both in modules_to_save"), "\(text)")
    }

    @Test func anotherBaseIsNamed() throws {
        let folder = try altered(
            "llama_lora", settings: ["base_model_name_or_path": "org/large"]
        ) { $0[first] = ([4, 64], [Float](repeating: 0, count: 256)) }
        let text = message(folder.path, base: "llama")
        #expect(text.contains("[4, 64]") && text.contains("[4, 32]") && text.contains("org/large"))
    }

    @Test func targetsOfAnotherArchitectureAreNamed() throws {
        let text = message(AdaptedModel.folder("llama_lora"), base: "gpt2")
        #expect(text.contains("q_proj") && text.contains("c_attn"))
    }

    @Test(arguments: [
        ("peft_type", "VERA", "VERA"), ("bias", "all", "bias"),
        ("init_lora_weights", "pissa", "pissa"),
        ("target_modules", "(q_proj", "regular expression"),
        ("modules_to_save", "x", "list of names"),
        ("lora_dropout", "much", "lora_dropout"),
    ])
    func settingsThatAreNotComputedHereAreRefused(
        key: String, value: String, named: String
    ) throws {
        let folder = try altered("llama_lora", settings: [key: value])
        #expect(message(folder.path, base: "llama").contains(named))
    }

    @Test func aFolderWithoutAdapterSaysWhatItHolds() throws {
        let empty = try ScratchFolder()
        #expect(message(empty.path, base: "llama").contains("holds no adapter"))
        let source = References.folder.appendingPathComponent("models/llama").path
        #expect(message(source, base: "llama").contains("model.safetensors"))
    }

    @Test func halfOfATiedMatrixIsRefused() throws {
        var configuration = LoRAConfiguration()
        configuration.additionalTargets = ["wte"]
        let half = configuration
        #expect {
            _ = try LoRA(half, attachingTo: try self.model("gpt2"))
        } throws: {
            "\($0)".contains("lm_head") && "\($0)".contains("additional_target")
        }
    }

    @Test func copiesOfATiedMatrixThatDifferAreRefused() throws {
        let folder = try altered("gpt2_tied") { arrays in
            arrays["base_model.model.lm_head.weight"]?.numbers[0] += 1
        }
        #expect(message(folder.path, base: "gpt2").contains("different numbers"))
    }

    @Test func mergingIntoATiedEmbeddingIsRefused() throws {
        let model = try model("gpt2")
        var configuration = LoRAConfiguration()
        configuration.targets = .names(["wte"])
        let method = try LoRA(configuration, attachingTo: model)
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        try method.initialize(seed: 1, in: workspace)
        #expect(throws: FinetuningError.self) { try method.merge(in: workspace) }
    }

    @Test func aTrainedModuleMayNotBeQuantized() throws {
        let model = try model("llama")
        var configuration = LoRAConfiguration()
        configuration.additionalTargets = ["lm_head"]
        let method = try LoRA(configuration, attachingTo: model)
        let workspace = Workspace(threads: 1)
        let numbers = [Float](repeating: 0.5, count: model.head.count)
        model.head.quantized = QuantizedMatrix.quantize(
            numbers, rows: model.head.shape.extents[0], columns: model.head.shape.width,
            as: .q8_0)
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        #expect {
            try method.initialize(seed: 1, in: workspace)
        } throws: {
            "\($0)".contains("lm_head.weight is kept quantized")
        }
    }
}
