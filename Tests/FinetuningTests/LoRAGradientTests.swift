import Autograd
import Finetuning
import Kernels
import Models
import TestSupport
import Testing

/// Gradients of LoRA's factors in every architecture, from transformers' gradients of the weights.
///
/// A base of W − s·BA with the adapter on it computes what W does, so that its logits are those of
/// the reference, and with G the reference's gradient of W those of the factors are s·Bᵀ·G and
/// s·G·Aᵀ (arXiv:2106.09685, eq. 3).
@Suite struct LoRAGradientTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let topic, folder: String
        var testDescription: String { folder }

        static let all: [Case] = [
            "models": ["gpt2", "llama", "mistral", "qwen2", "qwen3"],
            "architectures": [
                "gemma", "gemma2", "gemma3_text", "gemma3", "phi3", "phi3_longrope", "glm", "glm4",
                "chatglm", "baichuan", "baichuan2", "baichuan2_alibi", "internlm2",
                "gpt_neox", "gpt_neox_sequential", "phi", "phi_tied",
                "opt", "opt_after", "opt_bare", "starcoder2", "starcoder2_bare",
                "smollm3", "smollm3_window", "olmo2", "granite", "ernie4_5",
            ],
            "moe": ["mixtral", "qwen3_moe"],
        ].flatMap { topic, folders in folders.map { Case(topic: topic, folder: $0) } }
    }

    private let rank = 3

    // The bounds are those of the models' own references (TransformersReferenceTests).
    @Test(arguments: Case.all, [false, true])
    func factorsHaveTransformersGradients(_ reference: Case, recomputes: Bool) throws {
        let place = "\(reference.topic)/\(reference.folder)"
        let workspace = Workspace(threads: 2)
        let model = try ModelCatalog.model(
            configuration: try References.text("\(place)/config.json"))
        let base = model.parameters
        var configuration = LoRAConfiguration()
        configuration.rank = rank
        let method = try LoRA(configuration, attachingTo: model)
        _ = ParameterStore(model.parameters, computeType: .float32, training: true, in: workspace)
        let weights = try ReferenceFile("\(place)/model.safetensors")
        for parameter in base {
            let names = model.namesInFiles(of: parameter)
            let name = names.first(where: weights.has) ?? parameter.name
            workspace.assign(try weights.floats(name), to: parameter)
        }
        try method.initialize(seed: 3, in: workspace)
        let adapted = try model.registry.linears.compactMap { path, linear in
            try AdaptedLinear(path, linear, method, rank: rank)
        }
        #expect(2 * adapted.count == method.adapterParameters.count && adapted.count > 3)
        for linear in adapted { linear.hideFactors(in: workspace) }

        let file = try ReferenceFile("\(place)/reference.safetensors")
        let ids = try file.integers("input_ids")
        let logits = model.logits(
            ids, batch: 2, in: ForwardPass(workspace: workspace, computeType: .float32))
        #expect(
            Difference.absolute(workspace.numbers(logits), try file.floats("logits")) < 2e-4)
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, tape: Tape(),
            recomputing: recomputes ? .blocks : .nothing)
        pass.backward(
            from: model.loss(ids, targets: try file.integers("targets"), batch: 2, in: pass))
        for linear in adapted {
            let gradient = try file.floats("grad." + linear.linear.weight.name)
            let (a, b) = linear.gradients(of: gradient, in: workspace)
            for (parameter, expected) in [(linear.a, a), (linear.b, b)] {
                let found = workspace.numbers(
                    try #require(parameter.gradient), count: parameter.count)
                #expect(Difference.relative(found, expected) < 1e-4, "\(parameter.name)")
            }
        }
        #expect(base.allSatisfy { $0.gradient == nil })
    }
}

/// A linear layer with its factors.
struct AdaptedLinear {
    let linear: Linear
    let a, b: Parameter
    private let rank: Int
    /// α/r with α unset.
    private let scale: Float = 2

    /// `nil` for a layer without factors.
    init?(_ path: String, _ linear: Linear, _ method: LoRA, rank: Int) throws {
        guard linear.adapter != nil else { return nil }
        let named = { (factor: String) in
            try #require(method.adapterParameters.first { $0.name == "\(path).\(factor).weight" })
        }
        self.linear = linear
        self.rank = rank
        a = try named("lora_A")
        b = try named("lora_B")
    }

    /// Where the weight of an output and an input lies.
    private func index(_ output: Int, _ input: Int) -> Int {
        linear.layout == .outputsByInputs
            ? output * linear.inputs + input : input * linear.outputs + output
    }

    /// Gives B numbers and takes the factors' share out of the weight.
    func hideFactors(in workspace: Workspace) {
        let second = (0..<b.count).map { Float(($0 * 7 + 3) % 11 - 5) / 40 }
        workspace.assign(second, to: b)
        let first = workspace.numbers(a)
        var weight = workspace.numbers(linear.weight)
        for output in 0..<linear.outputs {
            for input in 0..<linear.inputs {
                let sum = (0..<rank).reduce(0.0) {
                    $0 + Double(second[output * rank + $1])
                        * Double(first[$1 * linear.inputs + input])
                }
                weight[index(output, input)] -= Float(sum) * scale
            }
        }
        workspace.assign(weight, to: linear.weight)
    }

    /// What the weight's gradient makes of A's and B's.
    func gradients(of weight: [Float], in workspace: Workspace) -> (a: [Float], b: [Float]) {
        let (first, second) = (workspace.numbers(a), workspace.numbers(b))
        var da = [Double](repeating: 0, count: first.count)
        var db = [Double](repeating: 0, count: second.count)
        for output in 0..<linear.outputs {
            for input in 0..<linear.inputs {
                let slope = Double(weight[index(output, input)]) * Double(scale)
                for r in 0..<rank {
                    let (i, j) = (r * linear.inputs + input, output * rank + r)
                    da[i] += slope * Double(second[j])
                    db[j] += slope * Double(first[i])
                }
            }
        }
        return (da.map(Float.init), db.map(Float.init))
    }
}
