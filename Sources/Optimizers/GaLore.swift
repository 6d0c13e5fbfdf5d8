package import Autograd
import Foundation
package import Kernels

/// Adam in the space of the gradient's first singular vectors; Adam as it is for what is not projected.
///
/// Source: Zhao et al. 2024, arXiv:2403.03507, algorithm 2, as galore_torch 1.0 has it: moments are kept when
/// the vectors are made anew, ε is added to an uncorrected root, decay follows the step.
package struct GaLore: OptimizerRule {
    package var projection: LowRankProjection
    /// Factor on what is projected back.
    package var scale: Double
    package var adam: AdamW
    /// Names of the parameters that are projected, all with two extents.
    package var targets: Set<String>

    package init(
        projection: LowRankProjection, scale: Double, adam: AdamW, targets: Set<String>
    ) {
        self.projection = projection
        self.scale = scale
        self.adam = adam
        self.targets = targets
    }

    package var name: String { "galore_adamw" }
    package var summary: String? {
        "GaLore projects \(targets.count) matrices to \(projection.rank) dimensions, AdamW moves the rest"
    }
    package var weightDecay: Double { adam.weightDecay }
    package var elementwiseState: [String] { [] }
    package var needsWholeParameters: Bool { true }
    package var multipliesMatrices: Bool { true }

    package func ownState(of parameter: Parameter) -> [StateArray] {
        guard targets.contains(parameter.name) else { return adam.moments(parameter.shape) }
        let sizes = projection.sizes(of: parameter)
        return adam.moments(sizes.shapeOfR)
            + [StateArray(name: "projection", shape: sizes.shapeOfP)]
    }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        guard targets.contains(part.parameter.name) else {
            return adam.updateUncorrected(part.keeping(part.own), in: workspace)
        }
        let sizes = projection.sizes(of: part.parameter)
        let p = part.own[2]
        if projection.isRenewed(at: part.step) {
            projection.fillSingularVectors(
                of: part.gradients, part.parameter, step: part.step, into: p, in: workspace)
        }
        let r = projection.project(part.gradients, by: p, sizes, in: workspace)
        adam.direction(of: part, r, into: r, count: sizes.countOfR, in: workspace)
        let step = projection.projectBack(r, by: p, sizes, in: workspace)
        adam.move(part, along: step, times: scale, in: workspace)
    }
}

extension AdamW {
    /// Both moments in a shape.
    func moments(_ shape: Shape) -> [StateArray] {
        elementwiseState.map { StateArray(name: $0, shape: shape) }
    }

    /// w ← (w − η √c₂/c₁ · m / (√v + ε)) (1 − η λ): ε is added to an uncorrected root, and decay follows
    /// the step, as galore_torch and apollo_torch move what they do not project.
    ///
    /// By AdamW's kernel, whose root is √v/√c₂ and which decays before a step of η/c₁.
    func updateUncorrected(_ part: UpdatePart, in workspace: Workspace) {
        let corrections = [beta1, beta2].map { 1 - pow($0, Double(part.step)) }
        let kept = 1 - Double(part.learningRate) * Double(part.weightDecay)
        workspace.update(
            part, by: .adamW,
            part.factors(
                beta1: beta1, beta2: beta2, epsilon: epsilon / corrections[1].squareRoot(),
                correction1: corrections[0] / kept, correction2: corrections[1]),
            first: part.elementwise[0], second: part.elementwise[1])
    }

    /// y = m / (√v + ε) of a smaller gradient r, whose moments are the part's first arrays. y may be r.
    func direction(
        of part: UpdatePart, _ r: Buffer, into y: Buffer, count: Int, in workspace: Workspace
    ) {
        workspace.adamDirection(
            part.factors(beta1: beta1, beta2: beta2, epsilon: epsilon), gradients: r,
            first: part.own[0], second: part.own[1], into: y, count: count)
    }

    /// w ← (w − η √c₂/c₁ · factor · step) (1 − η λ): the step of uncorrected moments, then decay.
    func move(
        _ part: UpdatePart, along step: Buffer, times factor: Double, in workspace: Workspace
    ) {
        let correction =
            (1 - pow(beta2, Double(part.step))).squareRoot() / (1 - pow(beta1, Double(part.step)))
        let kept = 1 - Double(part.learningRate) * Double(part.weightDecay)
        var factors = part.factors(beta1: 0)
        factors.gradientScale = Float(factor * correction * kept)
        workspace.update(part, by: .sgd(nesterov: false), factors, gradients: step)
    }
}
