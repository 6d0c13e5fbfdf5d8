package import Kernels

/// Where the tokens of a pass go, and how much each expert counts.
package struct ExpertRouting {
    package let choice: ExpertChoice
    /// (tokens, chosen) float32.
    package let weights: Tensor
}

/// The weights of the experts that a router chooses: the largest of softmax(logits).
///
/// logits (…, E) → (tokens, chosen) float32. Source: Fedus et al. 2021, arXiv:2101.03961, eq. 1 and
/// 2, with several experts as in Jiang et al. 2024, arXiv:2401.04088, section 2.1.
struct ExpertRoutingOp: DifferentiableOp {
    let chosen: Int
    /// Whether a token's weights are divided by their sum.
    let normalized: Bool
    let balance: (loss: ExpertBalance, layer: Int)?
    let result: Result

    /// The result beside the output.
    final class Result {
        var choice: ExpertChoice?
    }

    struct Saved {
        let probabilities: Tensor  // (tokens, E)
        let weights: Tensor  // (tokens, chosen)
        let choice: ExpertChoice
        let type: ElementType
        let shape: Shape
    }

    var parameters: [Parameter] { [] }
    var beginsGradients: Bool { balance?.loss.gradient != nil }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        let logits = inputs[0]
        let (rows, experts) = (logits.shape.rows, logits.shape.width)
        let probabilities = workspace.tensor([rows, experts], .float32)
        let weights = workspace.tensor([rows, chosen], .float32)
        workspace.convert(logits.buffer, to: probabilities.buffer, count: logits.count)
        let choice = workspace.route(
            probabilities.buffer, rows: rows, experts: experts, chosen: chosen,
            normalized: normalized, probabilities: probabilities.buffer, weights: weights.buffer)
        result.choice = choice
        if let (loss, layer) = balance {
            let sums = workspace.zeros(experts, .float32)
            workspace.addColumnSums(
                of: probabilities.buffer, to: sums, rows: rows, columns: experts)
            loss.record(
                layer: layer, tokens: choice.tokens.map(\.count),
                probabilities: workspace.numbers(sums, count: experts), rows: rows)
        }
        let saved = Saved(
            probabilities: probabilities, weights: weights.detached, choice: choice,
            type: logits.type, shape: logits.shape)
        return (weights, saved)
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        guard gradients.wants(0) else { return }
        let dlogits = workspace.tensor(saved.shape, .float32)
        workspace.routeGradient(
            saved.choice, rows: saved.shape.rows, normalized: normalized,
            probabilities: saved.probabilities.buffer, weights: saved.weights.buffer,
            dweights: outputGradient.buffer, balance: balance?.loss.gradient,
            into: dlogits.buffer)
        var converted = dlogits
        if saved.type != .float32 {
            converted = workspace.tensor(saved.shape, saved.type)
            workspace.convert(dlogits.buffer, to: converted.buffer, count: dlogits.count)
        }
        gradients.add(converted, to: 0, in: workspace)
    }
}

extension ForwardPass {
    /// Sends each token to the experts of its largest logits. logits (…, E).
    ///
    /// - Parameters:
    ///   - normalized: whether a token's weights are divided by their sum.
    ///   - balance: the loss that asks for equal use of experts, and this layer's place in it.
    package func routeExperts(
        _ logits: Tensor, chosen: Int, normalized: Bool,
        balance: (loss: ExpertBalance, layer: Int)? = nil
    ) -> ExpertRouting {
        let result = ExpertRoutingOp.Result()
        let weights = apply(
            ExpertRoutingOp(
                chosen: chosen, normalized: normalized, balance: balance, result: result),
            to: [logits])
        guard let choice = result.choice else { preconditionFailure("routing has no result") }
        return ExpertRouting(choice: choice, weights: weights)
    }
}

/// The loss that asks for equal use of experts, summed over the layers of one pass.
///
/// E · Σₑ (share of choices · mean probability), of all layers' tokens together. Source: Fedus et
/// al. 2021, arXiv:2101.03961, eq. 4 to 6, as transformers computes it.
package final class ExpertBalance {
    private struct Layer {
        var tokens: [Int] = []
        var probabilities: [Float] = []
        var rows = 0
    }

    private let coefficient: Double
    private var layers: [Layer]
    /// (E): the loss's gradient of every probability; `nil` before ``loss(targets:gradientScale:)``.
    private(set) var gradient: [Float]?

    /// - Parameters:
    ///   - coefficient: `router_aux_loss_coef`.
    ///   - layers: those with experts.
    package init(coefficient: Double, layers: Int) {
        self.coefficient = coefficient
        self.layers = Array(repeating: Layer(), count: layers)
    }

    /// Notes a layer's choices; a layer that runs again in backward says the same again.
    func record(layer: Int, tokens: [Int], probabilities: [Float], rows: Int) {
        layers[layer] = Layer(tokens: tokens, probabilities: probabilities, rows: rows)
    }

    /// coefficient · loss for each of `targets`, a loss beside another one's. Its gradient comes
    /// about where the routers' backward runs, which any loss behind the experts brings about.
    package func loss(targets: Int, gradientScale: Float) -> Loss {
        Loss(
            sum: finish(targets: targets, gradientScale: gradientScale), targets: targets, roots: []
        )
    }

    private func finish(targets: Int, gradientScale: Float) -> Double {
        let experts = layers.first?.tokens.count ?? 0
        let rows = Double(layers.reduce(0) { $0 + $1.rows })
        guard rows > 0 else { return 0 }
        let scale = coefficient * Double(targets) * Double(experts) / (rows * rows)
        let counts = (0..<experts).map { expert in
            Double(layers.reduce(0) { $0 + $1.tokens[expert] })
        }
        gradient = counts.map { Float($0 * scale * Double(gradientScale)) }
        return counts.indices.reduce(0) { sum, expert in
            let mass = layers.reduce(0) { $0 + Double($1.probabilities[expert]) }
            return sum + counts[expert] * mass * scale
        }
    }
}
