import Autograd
import Kernels

/// A small decoder of every op, with a tied head: what a step of a real model does, without a file.
struct TinyDecoder {
    static let (vocabulary, width, heads, inner, layers) = (53, 24, 3, 40, 3)
    let workspace: Workspace
    let store: ParameterStore
    let parameters: [String: Parameter]
    private let type: ElementType
    private let rotary = RotaryTable(inverseFrequencies: [1, 0.2, 0.05, 0.01], positions: 256)

    init(_ setting: Setting, frozen: Set<String> = []) {
        type = setting.type
        workspace = Workspace(threads: setting.threads)
        let (c, f) = (Self.width, Self.inner)
        var all: [Parameter] = []
        func add(_ name: String, _ shape: Shape, _ initializer: Initializer) {
            let parameter = Parameter(name: name, shape: shape, initializer: initializer)
            parameter.isTrainable = !frozen.contains(name)
            all.append(parameter)
        }
        add("embedding", [Self.vocabulary, c], .normal(deviation: 0.3))
        add("positions", [256, c], .normal(deviation: 0.3))
        for layer in 0..<Self.layers {
            add("\(layer).norm.weight", [c], .ones)
            add("\(layer).norm.bias", [c], .uniform(bound: 0.1))
            add("\(layer).qkv.weight", [c, 3 * c], .normal(deviation: 0.2))
            add("\(layer).qkv.bias", [3 * c], .uniform(bound: 0.1))
            add("\(layer).output.weight", [c, c], .normal(deviation: 0.2))
            add("\(layer).rms.weight", [c], .ones)
            add("\(layer).gate.weight", [f, c], .normal(deviation: 0.2))
            add("\(layer).up.weight", [f, c], .normal(deviation: 0.2))
            add("\(layer).down.weight", [c, f], .normal(deviation: 0.2))
        }
        add("final.weight", [c], .ones)
        store = ParameterStore(all, computeType: type, training: true, in: workspace)
        store.initialize(seed: 7)
        parameters = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }

    /// What a step needs besides the model.
    struct Batch {
        let ids: [Int32]
        let targets: [Int32]
        let batch: Int

        init(batch: Int, times: Int, seed: String = "batch") {
            var numbers = TestNumbers(seed)
            self.batch = batch
            ids = numbers.integers(batch * times, below: TinyDecoder.vocabulary)
            targets = numbers.integers(batch * times, below: TinyDecoder.vocabulary)
        }
    }

    /// Forward and backward; gradients are added to.
    @discardableResult
    func step(
        _ batch: Batch, dropout: Float = 0, recomputing: Recomputing = .nothing,
        ready: ((Parameter) -> Void)? = nil
    ) -> Double {
        let pass = ForwardPass(
            workspace: workspace, computeType: type, tape: Tape(),
            dropout: dropout > 0
                ? DropoutSource(seed: 3, sampleIDs: (0..<batch.batch).map { UInt64(100 + $0) })
                : nil,
            recomputing: recomputing)
        let loss = loss(batch, dropout, pass)
        pass.backward(from: loss, ready: ready)
        return loss.sum
    }

    func loss(_ batch: Batch, _ dropout: Float, _ pass: ForwardPass) -> Loss {
        var x = pass.embedding(
            batch.ids, batch: batch.batch, table: self["embedding"], positions: self["positions"])
        x = pass.dropout(x, probability: dropout)
        for layer in 0..<Self.layers {
            x = pass.block(x) { x, pass in block(layer, x, dropout, pass) }
        }
        let hidden = pass.rmsNorm(x, gain: self["final.weight"], epsilon: 1e-5)
        return pass.linearCrossEntropy(hidden, weight: self["embedding"], targets: batch.targets)
    }

    private func block(
        _ layer: Int, _ x: Tensor, _ dropout: Float, _ pass: ForwardPass
    ) -> Tensor {
        let part = { (name: String) in self["\(layer).\(name)"] }
        let size = Self.width / Self.heads
        var settings = AttentionSettings(
            heads: Self.heads, groups: Self.heads, headSize: size,
            scale: 1 / Float(size).squareRoot())
        settings.rotary = rotary
        settings.dropout = dropout
        let normal = pass.layerNorm(
            x, gain: part("norm.weight"), bias: part("norm.bias"), epsilon: 1e-5)
        let qkv = pass.linear(
            normal, weight: part("qkv.weight"), bias: part("qkv.bias"), layout: .inputsByOutputs)
        let mixed = pass.attention(.fused(qkv), settings)
        let attended = pass.add(
            pass.linear(mixed, weight: part("output.weight"), bias: nil), to: x, dropping: dropout)
        let second = pass.rmsNorm(attended, gain: part("rms.weight"), epsilon: 1e-5)
        let inner = pass.gated(
            .silu, gate: pass.linear(second, weight: part("gate.weight"), bias: nil),
            up: pass.linear(second, weight: part("up.weight"), bias: nil))
        return pass.linear(
            pass.activation(.geluTanh, inner), addingTo: attended, weight: part("down.weight"),
            bias: nil)
    }

    /// A parameter by name.
    subscript(name: String) -> Parameter {
        guard let parameter = parameters[name] else { preconditionFailure("no parameter \(name)") }
        return parameter
    }

    /// All gradients by name.
    var gradients: [String: [Float]] {
        parameters.compactMapValues { parameter in
            parameter.gradient.map { workspace.numbers($0, count: parameter.count) }
        }
    }
}
