import Autograd
import Files
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import WeightFiles

/// What weight files hold besides a model's parameters.
@Suite struct ModelFitTests {
    /// Rewrites a folder's weights.
    private func rewrite(
        _ folder: ModelFolder, type: WeightType = .float32,
        _ change: (inout [String: (shape: [Int], numbers: [Float])]) -> Void
    ) throws {
        let file = folder.path + "/model.safetensors"
        var arrays: [String: (shape: [Int], numbers: [Float])] = [:]
        let old = try SafetensorsFile(path: file)
        for tensor in old.tensors {
            arrays[tensor.name] = (tensor.shape, try old.floats(tensor.name))
        }
        change(&arrays)
        try SafetensorsFile.write(
            file, arrays: arrays.map { ArrayDescription(name: $0.key, shape: $0.value.shape) },
            type: type
        ) { arrays[$0.name]?.numbers ?? [] }
    }

    private func scores(_ folder: ModelFolder) throws -> [Float] {
        try InferenceModel(path: folder.path, threads: 1).logProbabilities(
            ConfigurationReferenceTests.ids, of: "ids")
    }

    /// The message with which a folder is refused.
    private func message(_ folder: ModelFolder) -> String {
        let error = #expect(throws: ModelFileError.self) { _ = try self.scores(folder) }
        return error?.description ?? ""
    }

    /// A second model, as a reference is, works with the first one's threads and memory.
    @Test func twoModelsShareAWorkspace() throws {
        let folders = [try ModelFolder("llama"), try ModelFolder("gpt2")]
        let workspace = Workspace(threads: 1)
        let models = try folders.map { try InferenceModel(path: $0.path, in: workspace) }
        for _ in 0..<2 {
            for (folder, model) in zip(folders, models) {
                let found = try model.logProbabilities(ConfigurationReferenceTests.ids, of: "ids")
                #expect(found == (try scores(folder)))
            }
        }
        #expect(models.allSatisfy { $0.workspace === workspace })
    }

    private let tied: [JSONValue.Member] = [("tie_word_embeddings", .bool(true))]
    private let embedding = "model.embed_tokens.weight"

    @Test func aTiedHeadThatDiffersIsTheModels() throws {
        let folder = try ModelFolder("llama")
        let separate = try scores(folder)
        try folder.change(tied)
        #expect(try scores(folder) == separate)
        let model = try ModelSource(path: folder.path).model()
        #expect(!model.isTied)
        #expect(model.description.configuration.contains("\"tie_word_embeddings\": false"))
    }

    @Test func aTiedHeadWithTheEmbeddingsNumbersIsHarmless() throws {
        let folder = try ModelFolder("llama")
        try folder.change(tied)
        try rewrite(folder) { $0["lm_head.weight"] = $0[embedding] }
        #expect(try ModelSource(path: folder.path).model().isTied)
        let both = try scores(folder)
        try rewrite(folder) { $0["lm_head.weight"] = nil }
        #expect(try scores(folder) == both)
        // transformers ties either way.
        try rewrite(folder) {
            $0["lm_head.weight"] = $0[embedding]
            $0[embedding] = nil
        }
        #expect(try scores(folder) == both)
    }

    /// transformers keeps the parameter in an untied BERT, too, and does not use it.
    @Test func theBiasThatAnUntiedHeadDoesNotUseIsPassedOver() throws {
        let folder = try ModelFolder("bert_odd", in: "encoders")
        func scores() throws -> [Float?] {
            var marked = MarkedIDs(ids: [9, 12, 30, 8])
            marked.targets = [10, -100, 11, 12]
            return try InferenceModel(path: folder.path, threads: 1).logProbabilities(
                marked, of: "ids")
        }
        let before = try scores()
        try rewrite(folder) { $0["cls.predictions.bias"] = ([53], (0..<53).map { Float($0) }) }
        #expect(try scores() == before)
        try rewrite(folder) { $0["cls.predictions.bias"] = nil }
        #expect(try scores() == before)
        // The bias that is used must be there.
        try rewrite(folder) { $0["cls.predictions.decoder.bias"] = nil }
        #expect(throws: ModelFileError.self) { try scores() }
    }

    @Test func aModelThatBeginsWithDrawnWeightsDoesNotLookAtTheFiles() throws {
        let folder = try ModelFolder("llama")
        try folder.change(tied)
        #expect(try ModelSource(path: folder.path).model(weighted: false).isTied)
    }

    @Test func anExportedOwnHeadStaysAsItIs() throws {
        let folder = try ModelFolder("llama")
        let separate = try scores(folder)
        try folder.change(tied)
        let source = try ModelSource(path: folder.path)
        let (model, workspace) = (try source.model(), Workspace(threads: 1))
        _ = ParameterStore(model.parameters, computeType: .float32, training: false, in: workspace)
        try source.fill(model, model.parameters, in: workspace)
        let copy = try ModelFolder("llama")
        try ModelExport.write(
            model, in: workspace, to: copy.path, type: .float32, tokenizerFiles: [:])
        #expect(try scores(copy) == separate)
        let file = try SafetensorsFile(path: copy.path + "/model.safetensors")
        #expect(file.tensor("lm_head.weight") != nil)
    }

    @Test(arguments: [
        ("internlm2", "output.weight"), ("gemma3", "language_model.lm_head.weight"),
        ("gemma3", "lm_head.weight"), ("chatglm", "transformer.output_layer.weight"),
        ("glm4", "lm_head.weight"),
    ])
    func headsOfOtherNamesAreComparedToo(model: String, head: String) throws {
        let folder = try ModelFolder(model, in: "architectures")
        try folder.change(tied)
        let source = try ModelSource(path: folder.path)
        let embedding = try source.model(weighted: false)
        #expect(embedding.isTied)
        let names = embedding.namesInFiles(of: embedding.head).filter {
            !embedding.headsInFiles.contains($0)
        }
        try rewrite(folder) { arrays in
            guard let table = names.compactMap({ arrays[$0] }).first else { return }
            arrays[head] = (table.shape, table.numbers.map { $0 + 0.5 })
        }
        let own = try source.model()
        #expect(!own.isTied)
        let separate = try scores(folder)
        try rewrite(folder) { arrays in
            guard let table = names.compactMap({ arrays[$0] }).first else { return }
            arrays[head] = table
        }
        #expect(try source.model().isTied)
        #expect(try scores(folder) != separate)
    }

    @Test func tablesOfAnglesAreCompared() throws {
        // θ⁻²ⁱ/⁸ of θ = 10000.
        let table: [Float] = [1, 0.1, 0.01, 0.001]
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
        for type in [WeightType.float32, .float16, .bfloat16] {
            let folder = try ModelFolder("llama")
            try rewrite(folder, type: type) { $0[name] = ([4], table) }
            _ = try scores(folder)
            try rewrite(folder, type: type) { $0[name] = ([4], [1, 0.1, 0.0102, 0.001]) }
            #expect(message(folder).contains("\(name) in \(folder.path) differs"))
        }
        let folder = try ModelFolder("llama")
        try rewrite(folder) { $0[name] = ([3], [1, 0.1, 0.01]) }
        #expect(message(folder).contains(name))
    }

    @Test func masksAreCompared() throws {
        let mask: [Float] = (0..<16).map { $0 % 4 <= $0 / 4 ? 1 : 0 }
        let (bias, score) = ("transformer.h.0.attn.bias", "transformer.h.1.attn.masked_bias")
        let folder = try ModelFolder("gpt2")
        let plain = try scores(folder)
        try rewrite(folder) {
            $0[bias] = ([1, 1, 4, 4], mask)
            $0[score] = ([], [-10_000])
        }
        #expect(try scores(folder) == plain)
        // Upside down, and without any limit: tokens would see those that follow.
        for other in [mask.reversed(), [Float](repeating: 1, count: 16)] {
            try rewrite(folder) { $0[bias] = ([1, 1, 4, 4], other) }
            #expect(message(folder).contains(bias))
        }
        try rewrite(folder) {
            $0[bias] = nil
            $0[score] = ([], [-1])
        }
        #expect(message(folder).contains(score))
    }

    // A name alone makes nothing harmless.
    @Test(arguments: [
        "model.layers.0.self_attn.bias", "model.layers.0.attn.bias", "vision_tower.x.weight",
        "model.layers.2.mlp.up_proj.weight", "score.weight",
    ])
    func whatBelongsToNoModelIsNamed(_ name: String) throws {
        let folder = try ModelFolder("llama")
        try rewrite(folder) { $0[name] = ([1], [0]) }
        #expect(message(folder).contains("\(name) in"))
    }
}
