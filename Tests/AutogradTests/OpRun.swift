import Autograd
import Kernels
import Testing

/// A type and a number of threads that a test runs with.
struct Setting: CustomTestStringConvertible {
    let type: ElementType
    let threads: Int
    var testDescription: String { "\(type), \(threads) threads" }

    static let all = ElementType.all.flatMap { type in
        [1, 2, 3].map { Setting(type: type, threads: $0) }
    }
}

extension ElementType {
    static let all: [ElementType] = [.float32, .bfloat16, .float16]

    /// The largest relative error of rounding a number to this type: half a unit in the last place.
    var roundoff: Double {
        switch self {
        case .float32: 0x1p-24
        case .bfloat16: 0x1p-8
        case .float16: 0x1p-11
        }
    }

    /// A bound for ‖error‖/‖value‖ where `roundings` roundings to this type lie between the given
    /// float32 numbers and a result: they are independent, and a typical one is 0.4 of the largest,
    /// so that their number is a generous factor. float32 results are sums of up to some hundred
    /// terms, each of them rounded: `wide`.
    func tolerance(_ roundings: Double, wide: Double = 1e-6) -> Double {
        self == .float32 ? wide : roundings * roundoff
    }
}

/// One op under test: inputs whose gradients are kept, parameters, and an upstream gradient.
struct OpRun {
    let workspace: Workspace
    let pass: ForwardPass
    private let type: ElementType
    private let tape: Tape
    private let probe: Parameter

    init(
        _ setting: Setting, dropout: DropoutSource? = nil, gradientScale: Float = 1,
        in workspace: Workspace? = nil, scratchGradients: ParameterStore? = nil
    ) {
        self.init(
            type: setting.type, threads: setting.threads, dropout: dropout,
            gradientScale: gradientScale, in: workspace, scratchGradients: scratchGradients)
    }

    init(
        type: ElementType = .float32, threads: Int = 1, dropout: DropoutSource? = nil,
        recomputes: Bool = false, gradientScale: Float = 1, in shared: Workspace? = nil,
        scratchGradients: ParameterStore? = nil
    ) {
        self.type = type
        workspace = shared ?? Workspace(threads: threads)
        tape = Tape()
        pass = ForwardPass(
            workspace: workspace, computeType: type, tape: tape, gradientScale: gradientScale,
            dropout: dropout, recomputing: recomputes ? .blocks : .nothing,
            scratchGradients: scratchGradients)
        probe = Parameter(name: "probe", shape: [1], initializer: .zeros)
        _ = ParameterStore([probe], computeType: type, training: true, in: workspace)
    }

    /// An input of the compute type, or of `type`, whose gradient is kept.
    func leaf(_ shape: Shape, _ numbers: [Float], as type: ElementType? = nil) -> Leaf {
        let keeper = GradientKeeper()
        let value = workspace.tensor(shape, numbers, as: type ?? self.type)
        let tensor = pass.apply(LeafOp(value: value, probe: probe, keeper: keeper), to: [])
        return Leaf(tensor: tensor, keeper: keeper, workspace: workspace)
    }

    /// A parameter with memory, and with a gradient unless it is frozen.
    func parameter(
        _ name: String, _ shape: Shape, _ numbers: [Float], frozen: Bool = false
    ) -> Parameter {
        let parameter = Parameter(name: name, shape: shape, initializer: .zeros)
        parameter.isTrainable = !frozen
        _ = ParameterStore([parameter], computeType: type, training: true, in: workspace)
        workspace.assign(numbers, to: parameter)
        return parameter
    }

    /// The gradient of a parameter; zeros where it has none.
    func gradient(_ parameter: Parameter) -> [Float] {
        guard let gradient = parameter.gradient else {
            return [Float](repeating: 0, count: parameter.count)
        }
        return workspace.numbers(gradient, count: parameter.count)
    }

    /// Runs backward from Σ y · upstream.
    func backward(_ y: Tensor, _ upstream: [Float], ready: ((Parameter) -> Void)? = nil) {
        let gradient = workspace.tensor(y.shape, upstream, as: y.type)
        let loss = pass.apply(UpstreamOp(gradient: gradient), to: [y])
        tape.backward(from: [loss], in: workspace, ready: ready)
    }
}

/// An input under test.
struct Leaf {
    let tensor: Tensor
    fileprivate let keeper: GradientKeeper
    fileprivate let workspace: Workspace

    /// What backward left; `nil` if nothing reached the input.
    var gradient: [Float]? { keeper.gradient.map { workspace.numbers($0) } }
}

private final class GradientKeeper {
    var gradient: Tensor?
}

/// Hands out a tensor and keeps its gradient.
private struct LeafOp: DifferentiableOp {
    let value: Tensor
    let probe: Parameter
    let keeper: GradientKeeper

    struct Saved {}
    var parameters: [Parameter] { [probe] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        (value, Saved())
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        keeper.gradient = outputGradient
    }
}

/// A loss whose gradient is given.
private struct UpstreamOp: DifferentiableOp {
    let gradient: Tensor

    struct Saved {}
    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        (pass.workspace.tensor([1], .float32), Saved())
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(gradient, to: 0, in: workspace)
    }
}
