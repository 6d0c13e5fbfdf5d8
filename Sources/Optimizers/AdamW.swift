import Foundation
package import Kernels

/// Adam with decoupled weight decay, as PyTorch's. Source: arXiv:1711.05101, algorithm 2.
package struct AdamW: OptimizerRule {
    package var beta1: Double
    package var beta2: Double
    package var epsilon: Double
    package var weightDecay: Double
    /// Whether moments are divided by 1 − βᵗ; BERT's own training does not.
    package var correctsBias: Bool

    package init(
        beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
        correctsBias: Bool = true
    ) {
        self.correctsBias = correctsBias
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    package var name: String { "adamw" }
    package var elementwiseState: [String] { ["first_moment", "second_moment"] }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        workspace.update(
            part, by: .adamW,
            part.factors(
                beta1: beta1, beta2: beta2, epsilon: epsilon,
                correction1: correctsBias ? 1 - pow(beta1, Double(part.step)) : 1,
                correction2: correctsBias ? 1 - pow(beta2, Double(part.step)) : 1),
            first: part.elementwise[0], second: part.elementwise[1])
    }
}
