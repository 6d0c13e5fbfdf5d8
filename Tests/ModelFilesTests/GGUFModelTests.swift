import Autograd
import Foundation
import Generation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import WeightFiles

/// GGUF files as models, against transformers (scripts/references/gguf_models.py).
@Suite struct GGUFModelTests {
    static let folders = [
        "gemma", "gemma2", "gemma3", "glm4", "gpt2", "llama", "mixtral", "phi3", "qwen2", "qwen3",
        "qwen3_moe",
    ]

    static func path(_ folder: String) -> String {
        References.folder.appendingPathComponent("gguf_models/\(folder)/model.gguf").path
    }

    /// The logits of a model read from `path`.
    private func logits(
        _ path: String, keepingBlocks: Bool, _ ids: [Int32]
    ) throws -> (logits: [Float], model: any LanguageModel) {
        let (model, workspace) = try loaded(path, keepingBlocks: keepingBlocks)
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        return (workspace.numbers(model.logits(ids, batch: 2, in: pass)), model)
    }

    private func loaded(
        _ path: String, keepingBlocks: Bool
    ) throws -> (model: any LanguageModel, workspace: Workspace) {
        let source = try ModelSource(path: path)
        let model = try source.model()
        if keepingBlocks { try source.attach(model, model.parameters) }
        let workspace = Workspace(threads: 2)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, model.parameters, in: workspace)
        return (model, workspace)
    }

    // Logits are of order 1 to 10; 2e-4 is some tens of float32 roundings of a small model.
    @Test(arguments: folders, [false, true])
    func logitsEqualTransformers(folder: String, keepingBlocks: Bool) throws {
        let reference = try ReferenceFile("gguf_models/\(folder)/reference.safetensors")
        let ids = try reference.integers("input_ids")
        let found = try logits(Self.path(folder), keepingBlocks: keepingBlocks, ids)
        #expect(Difference.absolute(found.logits, try reference.floats("logits")) < 2e-4)
        let file = try GGUFFile(path: Self.path(folder))
        let isQuantized = file.tensors.contains { $0.typeName == "Q8_0" }
        let kept = found.model.parameters.contains { $0.quantized != nil }
        #expect(kept == (keepingBlocks && isQuantized))
    }

    // No step of the reference is nearer to a tie than 1e-3.
    @Test(arguments: folders, [false, true])
    func greedyContinuationsEqualTransformers(folder: String, keepingBlocks: Bool) throws {
        let reference = try ReferenceFile("gguf_models/\(folder)/reference.safetensors")
        let model = try loaded(Self.path(folder), keepingBlocks: keepingBlocks)
        for number in 0..<10 {
            let expected = try reference.integers("continuation.\(number)")
            try #require(expected.count == 16)
            var found: [Int32] = []
            model.model.generate(
                after: try reference.integers("prompt.\(number)"), count: expected.count,
                sampler: Sampler(.greedy), ends: [],
                computeType: .float32, in: model.workspace
            ) { token in
                found.append(token)
                return true
            }
            #expect(found == expected, "prompt \(number)")
        }
    }

    @Test(arguments: folders.filter { $0 != "glm4" })
    func exportedFileIsTheOneRead(folder: String) throws {
        let reference = try ReferenceFile("gguf_models/\(folder)/reference.safetensors")
        let source = try ModelSource(path: Self.path(folder))
        let model = try source.model()
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, model.parameters, in: workspace)
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString).gguf")
        defer { try? FileManager.default.removeItem(at: place) }
        let original = try GGUFFile(path: Self.path(folder))
        let isQuantized = original.tensors.contains { $0.typeName == "Q8_0" }
        try GGUFExport(
            model, format: isQuantized ? .eightBits : .float16, tokenizerFiles: [:], generation: nil
        ).write(to: place.path, in: workspace)
        let written = try GGUFFile(path: place.path)
        let described = { (file: GGUFFile) in
            file.tensors.map { "\($0.name) \($0.extents) \($0.typeName)" }.sorted()
        }
        #expect(described(written) == described(original))
        for (key, value) in original.metadata where !key.hasPrefix("general.") {
            guard !key.hasPrefix("tokenizer.") else { continue }
            #expect(written.metadata[key] == value, "\(key)")
        }
        let ids = try reference.integers("input_ids")
        let found = try logits(place.path, keepingBlocks: true, ids)
        // Scales of Q8_0 come out a rounding away when numbers are quantized again.
        #expect(Difference.absolute(found.logits, try reference.floats("logits")) < 2e-2)
    }

    @Test func llamaScalingIsReadFromItsFactors() throws {
        let text = try ModelSource(path: Self.path("llama")).configuration()
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let values = try #require(object as? [String: Any])
        let scaling = try #require(values["rope_scaling"] as? [String: Any])
        #expect(scaling["rope_type"] as? String == "llama3")
        #expect(scaling["factor"] as? Double == 4)
        #expect(scaling["original_max_position_embeddings"] as? Int == 32)
        #expect(values["rms_norm_eps"] as? Double == 1e-5)
    }

    /// Writes a file of the given keys and float32 tensors, lets `body` have its path, removes it.
    private func withFile(
        _ metadata: [String: GGUFValue], _ tensors: [String: (extents: [Int], numbers: [Float])],
        _ body: (String) throws -> Void
    ) throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString).gguf")
        defer { try? FileManager.default.removeItem(at: place) }
        try GGUFWriter.write(
            place.path, metadata: metadata.sorted { $0.key < $1.key },
            tensors: tensors.map {
                .init(name: $0.key, extents: $0.value.extents, type: .float32)
            }
        ) { tensor in tensors[tensor.name]?.numbers ?? [] }
        try body(place.path)
    }

    // Files of early 2024 hold each expert in tensors of its own.
    @Test func expertsOnTheirOwnAreTheSameModel() throws {
        let reference = try ReferenceFile("gguf_models/mixtral/reference.safetensors")
        let ids = try reference.integers("input_ids")
        let file = try GGUFFile(path: Self.path("mixtral"))
        var tensors: [String: (extents: [Int], numbers: [Float])] = [:]
        for tensor in file.tensors {
            let numbers = try file.numbers(of: tensor)
            guard tensor.name.contains("_exps.") else {
                tensors[tensor.name] = (tensor.extents, numbers)
                continue
            }
            let size = tensor.count / tensor.extents[0]
            for expert in 0..<tensor.extents[0] {
                let name = tensor.name.replacing("_exps.", with: ".\(expert).")
                let part = Array(numbers[expert * size..<(expert + 1) * size])
                tensors[name] = (Array(tensor.extents.dropFirst()), part)
            }
        }
        try withFile(file.metadata, tensors) { path in
            let found = try logits(path, keepingBlocks: true, ids)
            #expect(
                Difference.absolute(found.logits, try reference.floats("logits")) < 2e-4)
        }
    }

    @Test func unknownArchitectureIsRefusedByName() throws {
        try withFile(["general.architecture": .string("falcon")], [:]) { path in
            let error = #expect(throws: ModelFileError.self) { try ModelSource(path: path) }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("\"falcon\" is not supported; supported are baichuan, chatglm"))
        }
    }

    @Test func missingKeyIsNamed() throws {
        let tensors = [
            "token_embd.weight": (extents: [2, 3], numbers: [Float](repeating: 0, count: 6))
        ]
        try withFile(["general.architecture": .string("llama")], tensors) { path in
            let error = #expect(throws: ModelFileError.self) { try ModelSource(path: path) }
            #expect(error.map { "\($0)" } == "llama.embedding_length is missing in \(path)")
        }
    }

    @Test func tensorWithoutAPlaceIsNamed() throws {
        let file = try GGUFFile(path: Self.path("qwen2"))
        var tensors = Dictionary(
            uniqueKeysWithValues: try file.tensors.map {
                ($0.name, (extents: $0.extents, numbers: try file.floats($0.name)))
            })
        tensors["blk.0.attn_sinks.weight"] = ([2], [1, 2])
        try withFile(file.metadata, tensors) { path in
            let error = #expect(throws: ModelFileError.self) {
                try logits(path, keepingBlocks: true, [1, 2])
            }
            #expect(error.map { "\($0)".contains("blk.0.attn_sinks.weight") } == true)
        }
    }
}
