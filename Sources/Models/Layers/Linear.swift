package import Autograd

/// What finetuning makes of a linear layer.
package protocol LinearAdapter: AnyObject {
    /// What takes the place of ``Linear/base(_:addingTo:_:)``, of the same shape and type.
    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor
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

    /// One with a bias that finetuning's adapters do not find, of numbers on (−bound, bound).
    init(apartIn scope: Scope, from inputs: Int, to outputs: Int, bound: Float) {
        layout = .outputsByInputs
        weight = scope.parameter("weight", [outputs, inputs], .uniform(bound: bound))
        bias = scope.parameter("bias", [outputs], .uniform(bound: bound))
    }

    /// Extents of what comes in and goes out, whatever the layout.
    package var inputs: Int { weight.shape.extents[layout == .outputsByInputs ? 1 : 0] }
    package var outputs: Int { weight.shape.extents[layout == .outputsByInputs ? 0 : 1] }

    /// x Wᵀ + b (+ residual) without adapter. x (…, in) → (…, out) of the compute type, or float32
    /// with a float32 residual (…, out).
    package func base(_ x: Tensor, addingTo residual: Tensor? = nil, _ pass: ForwardPass) -> Tensor
    {
        guard let residual else {
            return pass.linear(x, weight: weight, bias: bias, layout: layout)
        }
        return pass.linear(x, addingTo: residual, weight: weight, bias: bias, layout: layout)
    }

    /// x (…, in) → (…, out) of the compute type.
    package func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        guard let adapter, pass.appliesAdapters else { return base(x, pass) }
        return adapter.output(of: self, x, addingTo: nil, in: pass)
    }

    /// residual + dropout(x Wᵀ + b). x (…, in), residual (…, out) float32 → (…, out) float32.
    package func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor, dropping probability: Float = 0,
        _ pass: ForwardPass
    ) -> Tensor {
        if pass.drops(probability) {
            return pass.add(self(x, pass), to: residual, dropping: probability)
        }
        guard let adapter, pass.appliesAdapters else { return base(x, addingTo: residual, pass) }
        return adapter.output(of: self, x, addingTo: residual, in: pass)
    }
}
