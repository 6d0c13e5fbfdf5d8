import Kernels

/// A loss of scores that are few enough to be looked at one by one.
package protocol ScoreLoss: Sendable {
    /// The summed loss, how many targets it is the sum of, and its gradient.
    ///
    /// - Parameters:
    ///   - scores: (rows, width).
    ///   - width: scores of a row.
    func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float])
}

/// A loss of x Wᵀ + b, (rows, labels). x (…, C), W (labels, C), b (labels).
///
/// As in ``LinearCrossEntropyOp``, the gradient is made at once and backward has only to hand on dx.
struct ScoreLossOp<Form: ScoreLoss>: DifferentiableOp {
    let weight: Parameter  // (labels, C)
    let bias: Parameter?  // (labels)
    let form: Form
    let result: Result

    struct Saved {
        let inputGradient: Tensor?  // (…, C)
    }

    /// The loss beside the output.
    final class Result {
        var sum = 0.0
        var targets = 0
    }

    var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }
    var beginsGradients: Bool { true }
    var label: String { "scores and their loss" }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let workspace = pass.workspace
        let (rows, width, labels) = (x.shape.rows, x.shape.width, weight.shape.extents[0])
        precondition(
            weight.shape.width == width, "score loss: x \(x.shape) but W \(weight.shape)")
        let scores = workspace.buffer(rows * labels, .float32)
        workspace.multiply(
            x.buffer, rows: rows, by: weight.operand(), into: scores, bias: bias?.floatValue)
        let (sum, targets, gradient) = form(
            workspace.numbers(scores, count: rows * labels), width: labels)
        (result.sum, result.targets) = (sum, targets)
        let dx =
            pass.isRecorded && x.origin != nil ? workspace.tensor(x.shape, x.type) : nil
        if pass.isRecorded, dx != nil || learns {
            let dscores = workspace.buffer(rows * labels, x.type)
            workspace.store(gradient.map { $0 * pass.gradientScale }, into: dscores)
            if let gradient = bias?.gradient {
                workspace.addColumnSums(of: dscores, to: gradient, rows: rows, columns: labels)
            }
            if let (gradient, adding) = weight.gradientOfProduct() {
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: labels, columns: width, inner: rows, transposeA: true,
                        accumulate: adding), dscores, x.buffer, into: gradient)
            }
            if let dx {
                workspace.multiplyBack(
                    dscores, rows: rows, by: weight.operand(), into: dx.buffer)
            }
        }
        return (workspace.tensor([1], .float32), Saved(inputGradient: dx))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        if let dx = saved.inputGradient { gradients.add(dx, to: 0, in: workspace) }
    }
}

extension ForwardPass {
    /// The summed loss of x Wᵀ + b. x (…, C), W (labels, C), b (labels).
    package func scoreLoss(
        _ x: Tensor, weight: Parameter, bias: Parameter?, _ form: some ScoreLoss
    ) -> Loss {
        let op = ScoreLossOp(weight: weight, bias: bias, form: form, result: .init())
        let output = apply(op, to: [x])
        return Loss(sum: op.result.sum, targets: op.result.targets, roots: [output])
    }
}
