package import Kernels

/// The sign of a mean of gradients. Source: arXiv:2302.06675, algorithm 2.
package struct Lion: OptimizerRule {
    package var beta1: Double
    package var beta2: Double
    package var weightDecay: Double

    package init(beta1: Double, beta2: Double, weightDecay: Double) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.weightDecay = weightDecay
    }

    package var name: String { "lion" }
    package var elementwiseState: [String] { ["first_moment"] }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        workspace.update(
            part, by: .lion, part.factors(beta1: beta1, beta2: beta2),
            first: part.elementwise[0])
    }
}
