import Autograd
import Finetuning
import Foundation
import Kernels
import Models
import TestSupport
import Testing

/// Options of LoraConfig whose adapters PEFT saved and loaded again, with the log-probabilities it
/// then gave (scripts/references/peft_options.py).
@Suite struct PEFTOptionTests {
    static let cases = [
        "overlap", "overlap_reversed", "alpha_overlap", "alpha_overlap_reversed",
        "pattern_anchored", "regex", "exclude_regex", "layers_pattern_list", "init_gaussian",
        "rslora_pattern", "dora_pattern", "save_embedding_layers",
    ]

    private func folder(_ name: String) -> String {
        References.folder.appendingPathComponent("peft_options/\(name)").path
    }

    private func reference(_ name: String) throws -> (base: String, ids: [Int32], wanted: [Float]) {
        let object = try References.object("peft_options/\(name)/case.json")
        let base = try #require(object["base"] as? String)
        let ids = try #require(object["ids"] as? [Int])
        let wanted = try #require(object["logprobs"] as? [Double])
        return (base, ids.map { Int32($0) }, wanted.map { Float($0) })
    }

    private func logProbabilities(
        _ model: any LanguageModel, _ ids: [Int32], _ workspace: Workspace
    )
        -> [Float]
    {
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        return model.logProbabilities(
            Array(ids.dropLast()), targets: Array(ids.dropFirst()), batch: 1, in: pass)
    }

    /// The base with an adapter beside it.
    private func attached(
        _ folder: String, _ base: String
    ) throws -> (model: any LanguageModel, method: any FinetuningMethod, workspace: Workspace) {
        let model = try ModelCatalog.model(
            configuration: try References.text("models/\(base)/config.json"))
        let own = model.parameters
        let workspace = Workspace(threads: 1)
        let method = try AdapterCatalog.method(
            of: try AdapterFolder(path: folder), attachingTo: model)
        _ = ParameterStore(model.parameters, computeType: .float32, training: false, in: workspace)
        let weights = try ReferenceFile("models/\(base)/model.safetensors")
        for parameter in own { workspace.assign(try weights.floats(parameter.name), to: parameter) }
        try method.initialize(seed: 0, in: workspace)
        try method.read(from: folder, in: workspace)
        return (model, method, workspace)
    }

    // The bound is that of the models' own references (TransformersReferenceTests).
    @Test(arguments: cases)
    func logProbabilitiesEqualPEFT(name: String) throws {
        let (base, ids, wanted) = try reference(name)
        let (model, _, workspace) = try attached(folder(name), base)
        #expect(Difference.absolute(logProbabilities(model, ids, workspace), wanted) < 2e-4)
    }

    @Test(arguments: cases)
    func mergingGivesTheSame(name: String) throws {
        let (base, ids, wanted) = try reference(name)
        let merged = try BaseModel(base)
        try AdapterFolder(path: folder(name)).merge(into: merged.model, in: merged.workspace)
        let found = logProbabilities(merged.model, ids, merged.workspace)
        #expect(Difference.absolute(found, wanted) < 2e-4)
    }

    @Test(arguments: cases)
    func whatIsWrittenAgainGivesTheSame(name: String) throws {
        let (base, ids, wanted) = try reference(name)
        let (_, method, workspace) = try attached(folder(name), base)
        let scratch = try ScratchFolder()
        try method.write(to: scratch.path, base: base, in: workspace)
        let (again, _, other) = try attached(scratch.path, base)
        #expect(Difference.absolute(logProbabilities(again, ids, other), wanted) < 2e-4)
    }
}
