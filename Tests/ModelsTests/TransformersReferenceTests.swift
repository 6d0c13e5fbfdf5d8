import Autograd
import Kernels
import Models
import TestSupport
import Testing

/// Tiny random models against transformers' values (scripts/references/models.py).
@Suite struct TransformersReferenceTests {
    static let folders = ["gpt2", "llama", "llama_linear", "mistral", "qwen2", "qwen3"]

    // Logits are of order 1 to 10; 2e-4 is some tens of float32 roundings of a two-layer model.
    @Test(arguments: folders, [1, 2])
    func logitsEqualTransformers(folder: String, threads: Int) throws {
        let reference = try ReferenceModel(folder, threads: threads)
        let logits = reference.model.logits(
            try reference.file.integers("input_ids"), batch: 2, in: reference.pass())
        let found = reference.workspace.numbers(logits)
        #expect(Difference.absolute(found, try reference.file.floats("logits")) < 2e-4)
    }

    // Gradients are sums over 44 targets through two layers: some hundred roundings of 6e-8.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try ReferenceModel(folder, threads: 2)
        var ready: [String] = []
        let pass = reference.pass(recording: true, recomputes: recomputes)
        let loss = reference.model.loss(
            try reference.file.integers("input_ids"),
            targets: try reference.file.integers("targets"), batch: 2, in: pass)
        pass.backward(from: loss) { ready.append($0.name) }
        let expected = try reference.file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected)
        #expect(loss.targets == 44)
        for parameter in reference.model.parameters {
            let gradient = try #require(parameter.gradient)
            let found = reference.workspace.numbers(gradient, count: parameter.count)
            let wanted = try reference.file.floats("grad." + parameter.name)
            #expect(Difference.relative(found, wanted) < 1e-4, "\(parameter.name)")
        }
        #expect(ready.sorted() == reference.model.parameters.map(\.name).sorted())
    }
}

/// A model of Tests/References/models, or of another topic's folder, with its weights.
struct ReferenceModel {
    let workspace: Workspace
    let model: any LanguageModel
    let store: ParameterStore
    let file: ReferenceFile

    init(
        _ folder: String, in topic: String = "models", threads: Int,
        computeType: ElementType = .float32
    ) throws {
        workspace = Workspace(threads: threads)
        model = try ModelCatalog.model(
            configuration: try References.text("\(topic)/\(folder)/config.json"))
        store = ParameterStore(
            model.parameters, computeType: computeType, training: true, in: workspace)
        let weights = try ReferenceFile("\(topic)/\(folder)/model.safetensors")
        for parameter in model.parameters {
            let names = model.namesInFiles(of: parameter)
            let name = names.first(where: weights.has) ?? parameter.name
            workspace.assign(try weights.floats(name), to: parameter)
        }
        file = try ReferenceFile("\(topic)/\(folder)/reference.safetensors")
    }

    func pass(recording: Bool = false, recomputes: Bool = false) -> ForwardPass {
        ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: recording ? Tape() : nil,
            recomputing: recomputes ? .blocks : .nothing)
    }
}
