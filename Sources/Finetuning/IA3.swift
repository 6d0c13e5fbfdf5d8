import Autograd
import Kernels
import Models

/// Factors of linear layers' outputs, or of feed-forward layers' inputs.
///
/// Source: Liu et al. 2022, arXiv:2205.05638, section 3.3, as PEFT 0.21 has it.
extension IA3Configuration: LinearMethodConfiguration {
    var name: String { "ia3" }
    var title: String { "IA3" }

    /// Names of feed-forward modules have to be among the targets, as PEFT asks.
    func check(_ plan: LoRAPlan) throws(FinetuningError) {
        guard case .names(let names) = feedforward else { return }
        let targets: [String]
        switch modules.targets {
        case .names(let given): targets = given
        case .all: targets = plan.leafNames
        case .regex: return
        }
        if let other = names.first(where: { !targets.contains($0) }) {
            throw .invalid(
                setting: "ia3_feedforward", found: other,
                expected: "among the targets " + targets.joined(separator: ", "))
        }
    }

    func tensors(_ path: String, _ linear: Linear) throws(FinetuningError) -> [LayerTensor] {
        let shape = try scalesInput(of: path) ? [1, linear.inputs] : [linear.outputs, 1]
        return [LayerTensor(name: ".ia3_l", shape: shape, initializer: .ones)]
    }

    func adapter(
        _ path: String, _ linear: Linear, _ parameters: [Parameter]
    ) throws(FinetuningError) -> any LinearAdapter {
        IA3Linear(factors: parameters[0], scalesInput: try scalesInput(of: path))
    }

    /// Multiplies the weight's columns, or its rows and the bias.
    func merge(
        _ numbers: [[Float]], into linear: Linear, at path: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let (factors, weight) = (numbers[0], linear.weight)
        let scalesInput = try scalesInput(of: path)
        // Which of the stored extents the factors belong to.
        let isLast = scalesInput == (linear.layout == .outputsByInputs)
        let width = weight.shape.width
        var scaled = workspace.numbers(weight)
        for index in scaled.indices {
            scaled[index] *= factors[isLast ? index % width : index / width]
        }
        workspace.assign(scaled, to: weight)
        guard !scalesInput, let bias = linear.bias else { return }
        workspace.assign(zip(workspace.numbers(bias), factors).map { $0 * $1 }, to: bias)
    }

    func summary(_ plan: LoRAPlan) throws(FinetuningError) -> [String] {
        var inputs = 0
        for target in plan.targets { inputs += try scalesInput(of: target.path) ? 1 : 0 }
        return [
            "Fine-tuning method: IA3",
            "Modules with factors: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(plan.targets.count) in all, \(inputs) of their inputs)",
        ]
    }

    /// Whether the input of the module at a path is scaled; as in PEFT a name is any end of the path.
    private func scalesInput(of path: String) throws(FinetuningError) -> Bool {
        switch feedforward {
        case .names(let names): names.contains { path.hasSuffix($0) }
        case .regex(let text): try Pattern(text, setting: "feedforward_modules").matches(path)
        case .all: false
        }
    }
}

/// One layer's factors at work.
private final class IA3Linear: LinearAdapter {
    private let factors: Parameter  // (in) or (out)
    private let scalesInput: Bool
    private let ones = OnesBuffer()

    init(factors: Parameter, scalesInput: Bool) {
        self.factors = factors
        self.scalesInput = scalesInput
    }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        let ones = ones.buffer(factors.count, in: pass.workspace)
        if scalesInput {
            let scaled = pass.scaleByMagnitude(x, magnitude: factors, norms: ones)
            return linear.base(scaled, addingTo: residual, pass)
        }
        return pass.scaleByMagnitude(
            linear.base(x, pass), addingTo: residual, magnitude: factors, norms: ones)
    }
}

/// What factors without a norm are divided by.
final class OnesBuffer {
    private var ones: Buffer?

    /// (count) float32, all 1.
    func buffer(_ count: Int, in workspace: Workspace) -> Buffer {
        if let ones { return ones }
        let made = workspace.buffer(count, .float32)
        workspace.fill(made, count: count, with: 1)
        ones = made
        return made
    }
}
