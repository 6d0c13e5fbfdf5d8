import Kernels

/// y = x / √(|x|² + 1e-24) of each row. x (…, C) float32 → y of its shape and type.
///
/// |x| counts as 1e-12 at least, as of torch's `normalize`. It is the RMS norm with a gain of 1/√C.
struct UnitRowsOp: DifferentiableOp {
    struct Saved {
        let input: Tensor  // (…, C)
        let inverse: Buffer  // (rows), float32
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (x, workspace) = (inputs[0], pass.workspace)
        precondition(x.type == .float32, "unit rows of x \(x.shape) of type \(x.type)")
        let y = workspace.tensor(x.shape, .float32)
        let inverse = workspace.buffer(x.shape.rows, .float32)
        workspace.rmsNorm(
            shape(x), x.buffer, gain: gain(x, workspace), into: y.buffer, inverse: inverse)
        return (y, Saved(input: x, inverse: inverse))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let x = saved.input
        gradients.accumulate(into: 0, shape: x.shape, type: .float32, in: workspace) { dx, adding in
            workspace.rmsNormGradient(
                shape(x), x.buffer, gain: gain(x, workspace), inverse: saved.inverse,
                dy: outputGradient.buffer, into: dx.buffer, adding: adding, dgain: nil)
        }
    }

    private func shape(_ x: Tensor) -> NormalizationShape {
        NormalizationShape(
            rows: x.shape.rows, width: x.shape.width, epsilon: 1e-24 / Float(x.shape.width))
    }

    private func gain(_ x: Tensor, _ workspace: Workspace) -> Buffer {
        let gain = workspace.buffer(x.shape.width, .float32)
        workspace.fill(gain, count: x.shape.width, with: 1 / Float(x.shape.width).squareRoot())
        return gain
    }
}

extension ForwardPass {
    /// Rows divided by their lengths. x (…, C) float32 → (…, C).
    package func unitRows(_ x: Tensor) -> Tensor { apply(UnitRowsOp(), to: [x]) }
}
