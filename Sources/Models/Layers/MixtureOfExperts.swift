import Autograd
import Kernels

/// The feed-forward sublayer, behind a block's second norm.
protocol FeedForward {
    /// residual + the layer's output, float32, or that output alone. x, residual (B, T, C).
    func callAsFunction(_ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass) -> Tensor
}

/// The experts of a model, as config.json describes them.
struct ExpertConfiguration {
    /// How the parts of a layer are called.
    struct Names {
        let layer, gate, up, down: String
    }

    var names: Names
    var count: Int
    /// Experts a token goes to.
    var chosen: Int
    var inner: Int  // an expert's F
    /// Whether a token's weights are divided by their sum.
    var normalized: Bool
    /// Layers that have experts, ascending.
    var layers: [Int]
    /// Coefficient of the loss of equal use; `nil` where it takes no part.
    var balanceCoefficient: Double?

    /// The part of the experts that a token goes through.
    var share: Double { Double(chosen) / Double(count) }

    /// The loss of equal use, and the layers it sums over.
    var balance: (coefficient: Double, layers: Int)? {
        balanceCoefficient.map { ($0, layers.count) }
    }

    /// - Parameter countKey: the architecture's key for the number of experts.
    init(
        _ file: ConfigurationFile, names: Names, countKey: String, inner: Int, normalized: Bool,
        layers: [Int], chosenDefault: Int, coefficientDefault: Double
    ) throws(ModelError) {
        self.names = names
        self.inner = inner
        self.normalized = normalized
        self.layers = layers
        count = try file.count(countKey, in: SizeRange.experts)
        guard count * max(1, layers.count) <= SizeRange.allExperts else {
            throw .outOfRange(
                key: countKey, found: "\(count) in each of \(layers.count) layers",
                expected: "at most \(SizeRange.allExperts) together")
        }
        chosen = try file.count("num_experts_per_tok", default: chosenDefault)
        guard chosen <= count else {
            throw .outOfRange(
                key: "num_experts_per_tok", found: "\(chosen)",
                expected: "at most the \(count) of \(countKey)")
        }
        let coefficient = try file.real("router_aux_loss_coef", default: coefficientDefault)
        if try file.flag("output_router_logits", default: false) {
            balanceCoefficient = coefficient
        }
    }
}

extension DecoderConfiguration {
    /// The feed-forward of a layer: one, or experts.
    func feedForward(_ block: Scope, layer: Int, outputNorm: RMSNorm?) -> any FeedForward {
        guard let experts, let place = experts.layers.firstIndex(of: layer) else {
            return GatedFeedForward(block / names.feedForward, self, outputNorm: outputNorm)
        }
        return MixtureOfExperts(block / experts.names.layer, self, experts, place: place)
    }
}

/// Experts of which each token takes a few, chosen by a router.
///
/// Source: Jiang et al. 2024, arXiv:2401.04088, section 2.1.
struct MixtureOfExperts: FeedForward {
    /// One expert: down(f(gate(x)) · up(x)).
    struct Expert {
        let gate: Linear  // (F, C)
        let up: Linear  // (F, C)
        let down: Linear  // (C, F)
        let activation: Activation

        init(
            _ scope: Scope, _ configuration: DecoderConfiguration, _ experts: ExpertConfiguration
        ) {
            let (width, names) = (configuration.hiddenSize, experts.names)
            let deviation = configuration.initializerRange
            gate = Linear(
                scope / names.gate, from: width, to: experts.inner, deviation: deviation)
            up = Linear(scope / names.up, from: width, to: experts.inner, deviation: deviation)
            down = Linear(
                scope / names.down, from: experts.inner, to: width, deviation: deviation)
            activation = configuration.activation
            for linear in [gate, up, down] { linear.weight.productShare = experts.share }
        }

        /// x (n, C) → (n, C).
        func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
            down(pass.gated(activation, gate: gate(x, pass), up: up(x, pass)), pass)
        }
    }

    let gate: Linear  // (E, C)
    let experts: [Expert]
    let chosen: Int
    let normalized: Bool
    /// Place among the layers with experts.
    let place: Int

    init(
        _ scope: Scope, _ configuration: DecoderConfiguration, _ experts: ExpertConfiguration,
        place: Int
    ) {
        gate = Linear(
            scope / "gate", from: configuration.hiddenSize, to: experts.count,
            deviation: configuration.initializerRange)
        self.experts = (0..<experts.count).map {
            Expert(scope / "experts" / $0, configuration, experts)
        }
        chosen = experts.chosen
        normalized = experts.normalized
        self.place = place
    }

    /// residual + Σ weight · expert(x), float32, or the sum alone. x, residual (B, T, C).
    func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        guard let residual else {
            let zeros = Tensor(
                shape: x.shape, buffer: pass.workspace.zeros(x.count, .float32))
            return pass.convert(self(x, addingTo: zeros, pass), to: x.type)
        }
        let routing = pass.routeExperts(
            gate(x, pass), chosen: chosen, normalized: normalized,
            balance: pass.expertBalance.map { ($0, place) })
        return pass.experts(x, addingTo: residual, routing) { number, rows in
            experts[number](rows, pass)
        }
    }
}
