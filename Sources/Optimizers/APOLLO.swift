package import Autograd
package import Kernels

/// Gradients scaled as Adam would scale them, seen through a projection; Adam as it is for what has none.
///
/// Source: Zhu et al. 2024, arXiv:2412.05270, algorithm 1, as apollo_torch 1.0.3 has it; APOLLO-Mini is rank 1
/// with one factor for the whole tensor. A first gradient of zero does not limit later ones here.
package struct APOLLO: OptimizerRule {
    /// What has a factor of its own.
    package enum Granularity: String, Sendable { case channel, tensor }
    /// What gradients are seen through.
    package enum Projector: String, Sendable {
        /// Normal numbers, drawn anew each time they are used: nothing is kept.
        case random
        /// The gradient's first singular vectors.
        case singular = "svd"
    }

    package var projection: LowRankProjection
    package var projector: Projector
    package var granularity: Granularity
    /// Its root multiplies scaled gradients.
    package var scale: Double
    /// Whether it does so before their growth is limited.
    package var scalesFirst: Bool
    package var adam: AdamW
    /// What moves the parameters that are not projected.
    package var rest: AdamW
    /// Names of the parameters that are projected, all with two extents.
    package var targets: Set<String>

    /// How much the norm of scaled gradients may grow from step to step (Fira, arXiv:2410.01623).
    private static let growth = 1.01
    private static let floor = 1e-8

    package init(
        projection: LowRankProjection, projector: Projector, granularity: Granularity,
        scale: Double, scalesFirst: Bool, adam: AdamW, rest: AdamW, targets: Set<String>
    ) {
        self.projection = projection
        self.projector = projector
        self.granularity = granularity
        self.scale = scale
        self.scalesFirst = scalesFirst
        self.adam = adam
        self.rest = rest
        self.targets = targets
    }

    package var name: String { "apollo_adamw" }
    package var summary: String? {
        "APOLLO sees \(targets.count) matrices in \(projection.rank) dimensions, AdamW moves the rest"
    }
    package var weightDecay: Double { adam.weightDecay }
    package var elementwiseState: [String] { [] }
    package var needsWholeParameters: Bool { true }
    package var multipliesMatrices: Bool { true }

    package func ownState(of parameter: Parameter) -> [StateArray] {
        guard targets.contains(parameter.name) else { return adam.moments(parameter.shape) }
        let sizes = projection.sizes(of: parameter)
        let kept =
            adam.moments(sizes.shapeOfR) + [StateArray(name: "scaled_gradient_norm", shape: [1])]
        guard projector == .singular else { return kept }
        return kept + [StateArray(name: "projection", shape: sizes.shapeOfP)]
    }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        guard targets.contains(part.parameter.name) else {
            return rest.updateUncorrected(part.keeping(part.own), in: workspace)
        }
        let sizes = projection.sizes(of: part.parameter)
        let r = projection.project(
            part.gradients, by: projectionMatrix(part, in: workspace), sizes, in: workspace)
        let direction = workspace.buffer(sizes.countOfR, .float32)
        adam.direction(of: part, r, into: direction, count: sizes.countOfR, in: workspace)
        let step = scaled(part, r, direction, sizes, in: workspace)
        let norm = workspace.sumOfSquares(step, count: part.range.count).squareRoot()
        let factor = limit(norm, kept: part.own[2], in: workspace)
        adam.move(part, along: step, times: factor, in: workspace)
    }

    private func projectionMatrix(_ part: UpdatePart, in workspace: Workspace) -> Buffer {
        guard projector == .singular else {
            return projection.random(part.parameter, step: part.step, in: workspace)
        }
        let p = part.own[3]
        if projection.isRenewed(at: part.step) {
            projection.fillSingularVectors(
                of: part.gradients, part.parameter, step: part.step, into: p, in: workspace)
        }
        return p
    }

    /// The gradient, each channel times ‖Adam's direction‖ / ‖gradient‖ in the smaller space.
    private func scaled(
        _ part: UpdatePart, _ r: Buffer, _ direction: Buffer, _ sizes: LowRankProjection.Sizes,
        in workspace: Workspace
    ) -> Buffer {
        let tall = (rows: sizes.shapeOfR.extents[0], columns: sizes.shapeOfR.extents[1])
        func norms(_ x: Buffer, scale: Float) -> [Double] {
            let means = [tall.rows, tall.columns].map { workspace.buffer($0, .float32) }
            workspace.squareMeans(
                of: x, scale: scale, floor: 0, rows: tall.rows, columns: tall.columns,
                intoRows: means[0], intoColumns: means[1])
            let squares = workspace.numbers(means[sizes.isRight ? 0 : 1], count: sizes.kept)
                .map { Double($0) * Double(sizes.rank) }
            return granularity == .channel
                ? squares.map { $0.squareRoot() } : [squares.reduce(0, +).squareRoot()]
        }
        let factors = zip(
            norms(direction, scale: 1), norms(r, scale: part.gradientScale)
        ).map { Float($0 / ($1 + Self.floor)) }
        let sides = [sizes.rows, sizes.columns].map { workspace.buffer($0, .float32) }
        workspace.fill(sides[0], count: sizes.rows, with: granularity == .tensor ? factors[0] : 1)
        workspace.fill(sides[1], count: sizes.columns, with: 1)
        if granularity == .channel {
            workspace.store(factors, into: sides[sizes.isRight ? 0 : 1])
        }
        let step = workspace.buffer(part.range.count, .float32)
        workspace.scale(
            part.gradients, by: part.gradientScale, rowFactors: sides[0], columnFactors: sides[1],
            into: step, rows: sizes.rows, columns: sizes.columns)
        return step
    }

    /// What scaled gradients of a norm are multiplied by, with the norm that they then have kept.
    private func limit(_ norm: Double, kept: Buffer, in workspace: Workspace) -> Double {
        let root = scale.squareRoot()
        let before = scalesFirst ? norm * root : norm
        let previous = Double(workspace.numbers(kept, count: 1)[0])
        let excess =
            previous > 0
            ? max(before / (previous + Self.floor), Self.growth) / Self.growth : 1
        workspace.store([Float(before / excess)], into: kept)
        return root / excess
    }
}
