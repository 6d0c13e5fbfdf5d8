package import Autograd
package import Kernels
package import Models

/// Low-rank changes of linear layers and embeddings; the base stays as it is.
///
/// Source: Hu et al. 2021, arXiv:2106.09685. DoRA, rsLoRA, LoRA+ and PiSSA are settings of it.
package final class LoRA: FinetuningMethod {
    package let name = "lora"
    package let configuration: LoRAConfiguration
    package private(set) var adapterParameters: [Parameter] = []
    let plan: LoRAPlan
    /// In the order of the plan's targets.
    private(set) var layers: [any LoRALayer] = []
    private let model: any LanguageModel
    /// What the adapter's file has put into the base, which is written with it again.
    var tables: [(name: String, parameter: Parameter)] = []
    /// PiSSA's first factors, which the base has lost; by the name of A.
    var firstFactors: [String: LowRankFactors] = [:]

    /// Adds the factors' parameters to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the configuration makes no sense for this model.
    package init(
        _ configuration: LoRAConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        self.configuration = configuration
        self.model = model
        plan = try LoRAPlan(configuration, model)
        for parameter in model.parameters { parameter.isTrainable = false }
        for parameter in plan.saved { parameter.isTrainable = true }
        for target in plan.targets {
            switch target.module {
            case .linear(let linear): try attach(target, to: linear)
            case .embedding(let embedding): try attach(target, to: embedding)
            }
        }
    }

    private func attach(_ target: LoRAPlan.Target, to linear: Linear) throws(FinetuningError) {
        // An expert's rows come from many sequences, whose masks they would have to keep.
        guard configuration.dropout == 0 || !target.path.contains(".experts.") else {
            throw .unsupported(
                what: "lora_dropout on \(target.path)",
                advice: "set lora_dropout: 0 or choose lora_target without experts")
        }
        // Kaiming's uniform with a = √5, as PEFT draws it: ±1/√in.
        let a = parameter(
            target.nameOfA, target.shapeOfA,
            .uniform(bound: 1 / Float(linear.inputs).squareRoot()))
        let b = parameter(target.nameOfB, target.shapeOfB, .zeros)
        for factor in [a, b] { factor.productShare = linear.weight.productShare }
        var layer: any LinearAdapter & LoRALayer = LoRALinear(
            linear: linear, a: a, b: b, scale: target.scale, dropout: configuration.dropout)
        if configuration.isDecomposed {
            let magnitude = parameter(target.nameOfMagnitude, [linear.outputs], .ones)
            magnitude.decays = true
            layer = DoRALinear(
                linear: linear, a: a, b: b, magnitude: magnitude, scale: target.scale,
                dropout: configuration.dropout)
        }
        linear.adapter = layer
        layers.append(layer)
    }

    private func attach(
        _ target: LoRAPlan.Target, to embedding: TokenEmbedding
    ) throws(FinetuningError) {
        guard !configuration.isDecomposed, configuration.initialization == .uniform else {
            throw .unsupported(
                what: "DoRA or PiSSA on \(target.path)",
                advice: "target linear layers, or use plain LoRA")
        }
        let a = parameter(target.nameOfA, target.shapeOfA, .zeros)
        let b = parameter(target.nameOfB, target.shapeOfB, .normal(deviation: 1))
        let layer = LoRAEmbedding(embedding: embedding, a: a, b: b, scale: target.scale)
        embedding.adapter = layer
        layers.append(layer)
    }

    private func parameter(
        _ name: String, _ shape: Shape, _ initializer: Initializer
    ) -> Parameter {
        let parameter = Scope(model.registry).parameter(name, shape, initializer)
        adapterParameters.append(parameter)
        return parameter
    }

    package var changesBase: Bool { !plan.saved.isEmpty || !tables.isEmpty }

    package var summary: [String] {
        let kind = configuration.isDecomposed ? "DoRA" : "LoRA"
        let alpha = configuration.resolvedAlpha
        var lines = [
            "Fine-tuning method: \(kind), rank \(configuration.rank), alpha \(alpha)"
                + (configuration.isRankStabilized ? ", rank-stabilized" : "")
                + (configuration.dropout > 0 ? ", dropout \(configuration.dropout)" : ""),
            "Modules with factors: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(plan.targets.count) in all)",
        ]
        if !plan.saved.isEmpty {
            lines.append("Trained whole: " + plan.saved.map(\.name).joined(separator: ", "))
        }
        if case .pissa(let iterations) = configuration.initialization {
            lines.append(
                "PiSSA: factors start from the largest singular values ("
                    + (iterations.map { "\($0) iterations" } ?? "exact")
                    + "); files hold the equal LoRA of rank \(2 * configuration.rank)")
        }
        return lines
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in plan.saved where parameter.quantized != nil {
            throw .quantized(parameter: parameter.name)
        }
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
        if case .pissa(let iterations) = configuration.initialization {
            try initializeByPiSSA(iterations: iterations, seed: seed, in: workspace)
        }
        for layer in layers { layer.baseChanged(in: workspace, startsMagnitude: true) }
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {
        for layer in layers { try layer.checkMerge(head: model.head) }
        for layer in layers {
            layer.factors(in: workspace).merge(into: layer.module, in: workspace)
            layer.detach()
        }
    }

    package func learningRateFactor(for parameter: Parameter) -> Float {
        guard let plus = configuration.plus else { return 1 }
        return plus.factor(
            name: parameter.name, isVector: parameter.shape.extents.count == 1)
    }
}

/// One module's factors at work.
protocol LoRALayer: AnyObject {
    var a: Parameter { get }
    var b: Parameter { get }
    var magnitude: Parameter? { get }
    var scale: Float { get }
    var module: LoRAPlan.Module { get }

    /// To be called when the base's weight has its numbers, or other ones.
    ///
    /// - Parameter startsMagnitude: whether the magnitude becomes that of the present sum.
    func baseChanged(in workspace: Workspace, startsMagnitude: Bool)
    func detach()
}

extension LoRALayer {
    var magnitude: Parameter? { nil }

    func baseChanged(in workspace: Workspace, startsMagnitude: Bool) {}

    /// Their numbers.
    func factors(in workspace: Workspace) -> LowRankFactors {
        LowRankFactors(
            a: workspace.numbers(a), b: workspace.numbers(b),
            magnitude: magnitude.map { workspace.numbers($0) }, rank: b.shape.width, scale: scale)
    }

    /// - Throws: ``FinetuningError/tied(embedding:head:detail:)`` where merging into an embedding
    ///   would change the head as well, and ``FinetuningError/quantized(parameter:)``.
    func checkMerge(head: Parameter) throws(FinetuningError) {
        try module.checkMerge(head: head)
    }
}

extension LoRAPlan.Module {
    /// - Throws: ``FinetuningError/tied(embedding:head:detail:)`` and
    ///   ``FinetuningError/quantized(parameter:)``.
    func checkMerge(head: Parameter) throws(FinetuningError) {
        guard weight.quantized == nil else { throw .quantized(parameter: weight.name) }
        guard case .embedding(let embedding) = self, embedding.weight === head else { return }
        throw .tied(
            embedding: embedding.weight.name, head: "the head",
            detail: "so that merging would change the logits as well; keep the adapter apart")
    }
}

/// y = x Wᵀ + b + s · B(A · dropout(x)).
final class LoRALinear: LoRALayer, LinearAdapter {
    let a: Parameter  // (R, in)
    let b: Parameter  // (out, R)
    let scale: Float
    private let linear: Linear
    private let dropout: Float

    init(linear: Linear, a: Parameter, b: Parameter, scale: Float, dropout: Float) {
        self.linear = linear
        self.a = a
        self.b = b
        self.scale = scale
        self.dropout = dropout
    }

    var module: LoRAPlan.Module { .linear(linear) }

    func detach() { linear.adapter = nil }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        pass.linear(
            x, addingTo: residual, weight: linear.weight, bias: linear.bias, layout: linear.layout,
            changedBy: LowRankTerm(a: a, b: b, scale: scale), dropping: dropout)
    }
}

/// y = W[ids] + s · B · A[:, ids].
final class LoRAEmbedding: LoRALayer, EmbeddingAdapter {
    let a: Parameter  // (R, V)
    let b: Parameter  // (C, R)
    let scale: Float
    private let embedding: TokenEmbedding

    init(embedding: TokenEmbedding, a: Parameter, b: Parameter, scale: Float) {
        self.embedding = embedding
        self.a = a
        self.b = b
        self.scale = scale
    }

    var module: LoRAPlan.Module { .embedding(embedding) }

    func detach() { embedding.adapter = nil }

    func adjust(_ y: Tensor, ids: [Int32], in pass: ForwardPass) -> Tensor {
        pass.addLowRankEmbedding(
            ids, to: y, a: a, b: b, scale: scale, padding: embedding.weight.paddingRow)
    }
}
