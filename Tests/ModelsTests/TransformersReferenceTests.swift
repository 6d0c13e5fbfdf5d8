import Autograd
import Files
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

    /// Ministral: a file of model_type mistral whose layers are named.
    @Test func mistralsLayerTypesSayWhichLayersSlide() throws {
        func logits(_ changes: [JSONValue.Member]) throws -> [Float] {
            let reference = try ReferenceModel("mistral", threads: 1, changing: changes)
            let ids = try reference.file.integers("input_ids")
            return reference.workspace.numbers(
                reference.model.logits(ids, batch: 2, in: reference.pass()))
        }
        func layers(_ kinds: String...) -> [JSONValue.Member] {
            [("layer_types", .array(kinds.map { .string($0 + "_attention") }))]
        }
        let (sliding, full) = (try logits([]), try logits([("sliding_window", .null)]))
        #expect(sliding != full)
        #expect(try logits(layers("full", "full")) == full)
        #expect(try logits(layers("sliding", "sliding")) == sliding)
        let mixed = try logits(layers("sliding", "full"))
        #expect(mixed != full && mixed != sliding)
    }

    // Gradients are sums over 44 targets through two layers: some hundred roundings of 6e-8.
    @Test(arguments: folders, [false, true])
    func everyGradientEqualsTransformers(folder: String, recomputes: Bool) throws {
        let reference = try ReferenceModel(folder, threads: 2)
        try reference.expectGradients(ofTargets: 44, recomputes: recomputes)
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
        computeType: ElementType = .float32, changing changes: [JSONValue.Member] = []
    ) throws {
        workspace = Workspace(threads: threads)
        let text = try References.text("\(topic)/\(folder)/config.json")
        let members = try JSONValueReader.read(text).members ?? []
        model = try ModelCatalog.model(
            configuration: JSONValue.object(members + changes).text())
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

    /// Whether the loss does not depend on it: without angles a bias of the keys adds the same to all scores of a
    /// query, and what both sides have of its gradient is rounding.
    func hasNoGradient(_ parameter: Parameter) -> Bool {
        model.description.hasFixedPositions && parameter.name.hasSuffix(".k_proj.bias")
    }

    /// Expects the reference's loss over so many targets, and every parameter's gradient.
    func expectGradients(
        ofTargets count: Int, recomputes: Bool, at place: SourceLocation = #_sourceLocation
    ) throws {
        var ready: [String] = []
        let pass = pass(recording: true, recomputes: recomputes)
        let loss = model.loss(
            try file.integers("input_ids"), targets: try file.integers("targets"), batch: 2,
            in: pass)
        pass.backward(from: loss) { ready.append($0.name) }
        let expected = try file.floats("loss")[0]
        #expect(abs(Float(loss.sum) - expected) < 1e-5 * expected, sourceLocation: place)
        #expect(loss.targets == count, sourceLocation: place)
        for parameter in model.parameters {
            let gradient = try #require(parameter.gradient, sourceLocation: place)
            let found = workspace.numbers(gradient, count: parameter.count)
            let wanted = try file.floats("grad." + parameter.name)
            if hasNoGradient(parameter) {
                #expect(
                    Difference.absolute(found, wanted) < 1e-5, "\(parameter.name)",
                    sourceLocation: place)
                continue
            }
            #expect(
                Difference.relative(found, wanted) < 1e-4, "\(parameter.name)",
                sourceLocation: place)
        }
        #expect(ready.sorted() == model.parameters.map(\.name).sorted(), sourceLocation: place)
    }
}
