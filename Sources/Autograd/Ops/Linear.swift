import Kernels

/// How a weight lies in memory.
package enum WeightLayout: Sendable {
    /// (out, in), as nn.Linear keeps it.
    case outputsByInputs
    /// (in, out), as GPT-2's Conv1D keeps it.
    case inputsByOutputs
}

/// y = x Wᵀ + b, or y = residual + x Wᵀ + b.
///
/// x (…, in), y (…, out): of the compute type, or float32 with a float32 residual (…, out). x is kept
/// for backward only where the weight learns.
struct LinearOp: DifferentiableOp {
    let weight: Parameter  // (out, in) or (in, out)
    let bias: Parameter?  // (out)
    let layout: WeightLayout
    /// Added to the product; only in inference, where no backward follows.
    var change: LowRankTerm?

    struct Saved {
        let input: KeptTensor?  // (…, in)
        let shape: Shape  // x's
        let type: ElementType
    }

    var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }
    private var inputs: Int { weight.shape.extents[layout == .outputsByInputs ? 1 : 0] }
    private var outputs: Int { weight.shape.extents[layout == .outputsByInputs ? 0 : 1] }

    var label: String {
        "linear \(inputs) → \(outputs)" + (weight.quantized.map { " \($0.format.name)" } ?? "")
    }

    func operations(rows: Int) -> (forward: Double, backward: Double) {
        let product = 2 * Double(rows) * Double(weight.count)
        return (product, weight.learns ? 2 * product : product)
    }

    func forward(_ tensors: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = tensors[0]
        precondition(
            x.shape.width == inputs, "linear \(weight.name): x \(x.shape) but W \(weight.shape)")
        let shape = x.shape.withWidth(outputs)
        let workspace = pass.workspace
        let y = workspace.tensor(shape, tensors.count > 1 ? .float32 : x.type)
        if tensors.count > 1 {
            precondition(
                tensors[1].shape == shape && tensors[1].type == .float32,
                "linear \(weight.name): residual \(tensors[1].shape) but y \(shape)")
        }
        workspace.multiply(
            x.buffer, rows: x.shape.rows, by: weight.operand(layout), into: y.buffer,
            bias: bias?.floatValue, start: tensors.count > 1 ? tensors[1].buffer : nil,
            isInference: pass.isInference, adding: change?.change(in: pass))
        let learns = pass.isRecorded && weight.learns
        return (y, Saved(input: learns ? KeptTensor(x) : nil, shape: x.shape, type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let rows = saved.shape.rows
        if gradients.origins.count > 1 { gradients.add(outputGradient, to: 1, in: workspace) }
        guard gradients.wants(0) || parameters.contains(where: \.learns) else {
            return
        }
        var dy = outputGradient
        if dy.type != saved.type {
            dy = workspace.tensor(outputGradient.shape, saved.type)
            workspace.convert(outputGradient.buffer, to: dy.buffer, count: dy.count)
        }
        if let gradient = bias?.gradient {
            workspace.addColumnSums(of: dy.buffer, to: gradient, rows: rows, columns: outputs)
        }
        if let kept = saved.input, let (gradient, adding) = weight.gradientOfProduct() {
            let x = kept.value(in: workspace)
            switch layout {
            case .outputsByInputs:
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: outputs, columns: inputs, inner: rows, transposeA: true,
                        accumulate: adding), dy.buffer, x.buffer, into: gradient)
            case .inputsByOutputs:
                workspace.matrices.multiply(
                    MatrixProduct(
                        rows: inputs, columns: outputs, inner: rows, transposeA: true,
                        accumulate: adding), x.buffer, dy.buffer, into: gradient)
            }
        }
        gradients.accumulate(
            into: 0, shape: saved.shape, type: saved.type, in: workspace
        ) { dx, adding in
            workspace.multiplyBack(
                dy.buffer, rows: rows, by: weight.operand(layout), into: dx.buffer,
                adding: adding)
        }
    }
}

extension ForwardPass {
    /// y = x Wᵀ + b. x (…, in) → (…, out), of the compute type.
    package func linear(
        _ x: Tensor, weight: Parameter, bias: Parameter?, layout: WeightLayout = .outputsByInputs
    ) -> Tensor {
        apply(LinearOp(weight: weight, bias: bias, layout: layout), to: [x])
    }

    /// y = residual + x Wᵀ + b. x (…, in), residual (…, out) float32 → (…, out) float32.
    package func linear(
        _ x: Tensor, addingTo residual: Tensor, weight: Parameter, bias: Parameter?,
        layout: WeightLayout = .outputsByInputs
    ) -> Tensor {
        apply(LinearOp(weight: weight, bias: bias, layout: layout), to: [x, residual])
    }
}
