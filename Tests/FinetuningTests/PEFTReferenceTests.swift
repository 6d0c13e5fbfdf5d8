import Autograd
import Finetuning
import Foundation
import Kernels
import Models
import TestSupport
import Testing

/// Adapters that PEFT saved, against PEFT's values (scripts/references/peft_adapters.py).
@Suite struct PEFTReferenceTests {
    static let cases = [
        "llama_lora", "llama_rslora", "llama_saved", "llama_embedding", "llama_dora", "qwen2_dora",
        "qwen2_pattern", "qwen2_layers", "gpt2_lora", "gpt2_dora", "gpt2_tied",
    ]

    // The bounds are those of the models' own references (TransformersReferenceTests).
    @Test(arguments: cases)
    func logitsEqualPEFT(name: String) throws {
        let adapted = try AdaptedModel(name)
        #expect(Difference.absolute(try adapted.logits(), try adapted.floats("logits")) < 2e-4)
    }

    @Test(arguments: cases, [false, true])
    func everyGradientEqualsPEFT(name: String, recomputes: Bool) throws {
        let adapted = try AdaptedModel(name)
        let ready = try adapted.backward(recomputes: recomputes)
        var wanted: Set<String> = []
        for parameter in adapted.model.parameters where parameter.isTrainable {
            let gradient = try #require(parameter.gradient)
            let found = adapted.workspace.numbers(gradient, count: parameter.count)
            var expected = try adapted.floats("grad.base_model.model." + parameter.name)
            if parameter === adapted.model.head, name.hasSuffix("tied") {
                let other = try adapted.floats("grad.base_model.model.lm_head.weight")
                expected = zip(expected, other).map { $0 + $1 }
                wanted.insert("grad.base_model.model.lm_head.weight")
            }
            #expect(Difference.relative(found, expected) < 1e-4, "\(parameter.name)")
            wanted.insert("grad.base_model.model." + parameter.name)
            #expect(ready.contains(parameter.name))
        }
        #expect(wanted == Set(adapted.reference.names.filter { $0.hasPrefix("grad.") }))
    }

    @Test(arguments: cases)
    func mergedEqualsUnmerged(name: String) throws {
        let adapted = try AdaptedModel(name)
        let before = try adapted.logits()
        let isTiedEmbedding = adapted.model.registry.embeddings.contains {
            $0.embedding.adapter != nil && $0.embedding.weight === adapted.model.head
        }
        #expect(!isTiedEmbedding)
        try adapted.method.merge(in: adapted.workspace)
        let after = try adapted.logits()
        #expect(Difference.absolute(after, before) < 1e-4)
        #expect(Difference.absolute(after, try adapted.floats("merged_logits")) < 2e-4)
        #expect(adapted.model.registry.linears.allSatisfy { $0.linear.adapter == nil })
    }

    @Test(arguments: cases)
    func mergingTheFolderWithoutAttachingGivesTheSame(name: String) throws {
        let base = try BaseModel(try AdaptedModel.base(of: name))
        let folder = try AdapterFolder(path: AdaptedModel.folder(name))
        try folder.merge(into: base.model, in: base.workspace)
        let reference = try ReferenceFile("adapters/\(name)/reference.safetensors")
        let logits = base.logits(try reference.integers("input_ids"))
        #expect(Difference.absolute(logits, try reference.floats("merged_logits")) < 2e-4)
    }

    @Test(arguments: cases)
    func writingAndReadingBackIsExact(name: String) throws {
        let adapted = try AdaptedModel(name)
        let scratch = try ScratchFolder()
        try adapted.method.write(to: scratch.path, base: "base", in: adapted.workspace)
        let written = try AdapterFolder(path: scratch.path)
        let again = try AdaptedModel(name, from: written)
        for (first, second) in zip(adapted.trained, again.trained) {
            #expect(first.name == second.name)
            #expect(adapted.workspace.numbers(first) == again.workspace.numbers(second))
        }
        #expect(try adapted.logits() == again.logits())
    }

    @Test func withoutAdaptersThePassIsTheBase() throws {
        let adapted = try AdaptedModel("llama_dora")
        let base = try BaseModel("llama")
        let ids = try adapted.reference.integers("input_ids")
        let pass = ForwardPass(
            workspace: adapted.workspace, computeType: .float32, appliesAdapters: false)
        let logits = adapted.model.logits(ids, batch: 2, in: pass)
        #expect(adapted.workspace.numbers(logits) == base.logits(ids))
    }
}

/// A model of Tests/References/models with its weights, float32.
struct BaseModel {
    let workspace = Workspace(threads: 2)
    let model: any LanguageModel

    init(_ name: String) throws {
        model = try ModelCatalog.model(
            configuration: try References.text("models/\(name)/config.json"))
        _ = ParameterStore(model.parameters, computeType: .float32, training: false, in: workspace)
        let weights = try ReferenceFile("models/\(name)/model.safetensors")
        for parameter in model.parameters {
            workspace.assign(try weights.floats(parameter.name), to: parameter)
        }
    }

    /// Of two sequences.
    func logits(_ ids: [Int32]) -> [Float] {
        let pass = ForwardPass(workspace: workspace, computeType: .float32)
        return workspace.numbers(model.logits(ids, batch: 2, in: pass))
    }
}

/// A base with an adapter of Tests/References/adapters.
struct AdaptedModel {
    let workspace = Workspace(threads: 2)
    let model: any LanguageModel
    let method: LoRA
    let reference: ReferenceFile
    let store: ParameterStore

    /// - Parameter written: the adapter's folder, if not PEFT's.
    init(
        _ name: String, from written: AdapterFolder? = nil, computeType: ElementType = .float32
    ) throws {
        let base = try Self.base(of: name)
        model = try ModelCatalog.model(
            configuration: try References.text("models/\(base)/config.json"))
        let folder = try written ?? AdapterFolder(path: Self.folder(name))
        guard case .lora(let configuration) = folder.kind else {
            throw ReferenceError(message: "\(name) is no LoRA")
        }
        method = try LoRA(configuration, attachingTo: model)
        store = ParameterStore(
            model.parameters, computeType: computeType, training: true, in: workspace)
        let weights = try ReferenceFile("models/\(base)/model.safetensors")
        let adapters = Set(method.adapterParameters.map(\.name))
        for parameter in model.parameters where !adapters.contains(parameter.name) {
            workspace.assign(try weights.floats(parameter.name), to: parameter)
        }
        try method.initialize(seed: 1, in: workspace)
        try method.read(from: folder.path, in: workspace)
        reference = try ReferenceFile("adapters/\(name)/reference.safetensors")
    }

    static func folder(_ name: String) -> String {
        References.folder.appendingPathComponent("adapters/\(name)").path
    }

    static func base(of name: String) throws -> String {
        try References.object("adapters/\(name)/case.json")["base"] as? String ?? ""
    }

    var trained: [Parameter] { model.parameters.filter(\.isTrainable) }

    func floats(_ name: String) throws -> [Float] { try reference.floats(name) }

    func logits() throws -> [Float] {
        let pass = ForwardPass(workspace: workspace, computeType: store.computeType)
        let ids = try reference.integers("input_ids")
        return workspace.numbers(model.logits(ids, batch: 2, in: pass))
    }

    /// Runs a step's gradients; returns the names told ready.
    func backward(recomputes: Bool = false) throws -> Set<String> {
        var ready: Set<String> = []
        let pass = ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        let loss = model.loss(
            try reference.integers("input_ids"), targets: try reference.integers("targets"),
            batch: 2, in: pass)
        pass.backward(from: loss) { ready.insert($0.name) }
        return ready
    }
}

/// A folder that is removed with its owner.
final class ScratchFolder {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("finetuning-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
