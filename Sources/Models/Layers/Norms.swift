package import Autograd
package import Kernels

/// Layer norm with gain, and a bias where there is one. x (…, C) → (…, C).
package struct LayerNorm {
    let weight: Parameter  // (C)
    let bias: Parameter?  // (C)
    let epsilon: Float

    init(_ scope: Scope, width: Int, epsilon: Float, hasBias: Bool = true) {
        weight = scope.parameter("weight", [width], .ones)
        bias = hasBias ? scope.parameter("bias", [width], .zeros) : nil
        self.epsilon = epsilon
    }

    /// - Parameter type: of the result; the compute type unless given. x has it or is float32.
    package func callAsFunction(
        _ x: Tensor, type: ElementType? = nil, _ pass: ForwardPass
    ) -> Tensor {
        pass.layerNorm(x, gain: weight, bias: bias, epsilon: epsilon, type: type)
    }
}

/// RMS norm with gain, over the last axis or, for per-head norms, over pieces of it.
package struct RMSNorm {
    let weight: Parameter  // (C)
    let epsilon: Float
    let addsOne: Bool

    /// - Parameter addsOne: whether x is multiplied by 1 + weight, as in Gemma.
    init(_ scope: Scope, width: Int, epsilon: Float, addsOne: Bool = false) {
        weight = scope.parameter("weight", [width], addsOne ? .zeros : .ones)
        self.epsilon = epsilon
        self.addsOne = addsOne
    }

    package func callAsFunction(_ x: Tensor, _ pass: ForwardPass) -> Tensor {
        pass.rmsNorm(x, gain: weight, epsilon: epsilon, addsOne: addsOne)
    }
}
