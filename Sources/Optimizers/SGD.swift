package import Kernels

/// Gradient descent with momentum, as PyTorch's.
package struct SGD: OptimizerRule {
    package var momentum: Double
    package var isNesterov: Bool
    package var weightDecay: Double

    package init(momentum: Double, isNesterov: Bool = false, weightDecay: Double) {
        self.momentum = momentum
        self.isNesterov = isNesterov
        self.weightDecay = weightDecay
    }

    package var name: String { "sgd" }
    package var elementwiseState: [String] { momentum == 0 ? [] : ["first_moment"] }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        // PyTorch's first step takes the gradient itself as its momentum.
        workspace.update(
            part, by: .sgd(nesterov: isNesterov),
            part.factors(beta1: momentum, correction1: part.step == 1 ? 0 : 1),
            first: part.elementwise.first)
    }
}
