package import Autograd

/// What finetuning adds to a linear layer.
package protocol LinearAdapter: AnyObject {
    /// y (…, out) of the layer, changed by what the adapter makes of x (…, in).
    func adjust(_ y: Tensor, from x: Tensor, in pass: ForwardPass) -> Tensor
}

/// y = x Wᵀ + b, with a slot for what finetuning adds.
package final class Linear {
    package let weight: Parameter  // (out, in), or (in, out) for Conv1D
    package let bias: Parameter?  // (out)
    package let layout: WeightLayout
    package var adapter: (any LinearAdapter)?

    package init(
        _ scope: Scope, from inputs: Int, to outputs: Int, bias: Bool = false, deviation: Float,
        layout: WeightLayout = .outputsByInputs
    ) {
        self.layout = layout
        let shape: Shape =
            layout == .outputsByInputs ? [outputs, inputs] : [inputs, outputs]
        weight = scope.parameter("weight", shape, .normal(deviation: deviation))
        weight.layout = layout
        self.bias = bias ? scope.parameter("bias", [outputs], .zeros) : nil
        scope.register(self)
    }

    /// x (…, in) → (…, out) of the compute type.
    package func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        let y = pass.linear(x, weight: weight, bias: bias, layout: layout)
        guard let adapter, pass.appliesAdapters else { return y }
        return adapter.adjust(y, from: x, in: pass)
    }

    /// residual + dropout(x Wᵀ + b). x (…, in), residual (…, out) float32 → (…, out) float32.
    package func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor, dropping probability: Float = 0,
        _ pass: ForwardPass
    ) -> Tensor {
        let adapted = adapter != nil && pass.appliesAdapters
        guard adapted || pass.drops(probability) else {
            return pass.linear(
                x, addingTo: residual, weight: weight, bias: bias, layout: layout)
        }
        return pass.add(self(x, pass), to: residual, dropping: probability)
    }
}
