import Autograd
import Checkpoints
import Foundation
import Kernels
import Models
import TestSupport
import Testing

@testable import Training

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
        let source = try ModelSource(path: path)
        let model = try source.model()
        if keepingBlocks { try source.attach(model) }
        let workspace = Workspace(threads: 2)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, in: workspace)
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        return (workspace.numbers(model.logits(ids, batch: 2, in: pass)), model)
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

    @Test(arguments: folders.filter { $0 != "glm4" })
    func exportedFileIsTheOneRead(folder: String) throws {
        let reference = try ReferenceFile("gguf_models/\(folder)/reference.safetensors")
        let source = try ModelSource(path: Self.path(folder))
        let model = try source.model()
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, in: workspace)
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString).gguf")
        defer { try? FileManager.default.removeItem(at: place) }
        let original = try GGUFFile(path: Self.path(folder))
        let isQuantized = original.tensors.contains { $0.typeName == "Q8_0" }
        try GGUFExport.write(
            model, in: workspace, to: place.path, format: isQuantized ? .q8_0 : .float16,
            tokenizerFiles: [:])
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
        let source = try ModelSource(path: Self.path("llama"))
        let values = ConfigurationValues(try source.configuration())
        let scaling = try #require(values.section("rope_scaling"))
        #expect(scaling.text("rope_type") == "llama3")
        #expect(scaling.real("factor") == 4)
        #expect(scaling.count("original_max_position_embeddings") == 32)
        #expect(values.real("rms_norm_eps") == 1e-5)
    }

    // Row r of each head's first half is row 2r of the file, of its second half row 2r + 1.
    @Test func pairedRowsAreTwoHalves() {
        #expect(GGUFTensorNames.order(pairedRows: 8, heads: 2) == [0, 2, 1, 3, 4, 6, 5, 7])
    }

    @Test func expertsHaveStackedAndSingleNames() throws {
        let names = GGUFTensorNames.mixtral(heads: 4, groups: 2)
        let use = try #require(
            names.use(of: "model.layers.3.block_sparse_moe.experts.5.w2.weight"))
        #expect(use == GGUFTensorUse(tensor: "blk.3.ffn_down_exps.weight", change: .expert(5)))
        #expect(use.single == GGUFTensorUse(tensor: "blk.3.ffn_down.5.weight"))
        #expect(names.use(of: "model.layers.x.mlp.gate_proj.weight") == nil)
    }

    @Test func unknownArchitectureIsRefusedByName() throws {
        let metadata = try GGUFMetadata(
            ["general.architecture": .string("falcon")], shapes: [:], factors: [:], file: "a.gguf")
        let error = #expect(throws: TrainingError.self) { try GGUFArchitecture.of(metadata) }
        let text = error.map { "\($0)" } ?? ""
        #expect(text.contains("\"falcon\" is not supported; supported are baichuan, chatglm"))
    }

    @Test func missingKeyIsNamed() throws {
        let metadata = try GGUFMetadata(
            ["general.architecture": .string("llama")], shapes: ["token_embd.weight": [97, 32]],
            factors: [:], file: "a.gguf")
        let error = #expect(throws: TrainingError.self) { try GGUFArchitecture.of(metadata) }
        #expect(error.map { "\($0)" } == "llama.embedding_length is missing in a.gguf")
    }
}
