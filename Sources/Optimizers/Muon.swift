package import Autograd
package import Kernels

/// Momentum of matrices made nearly orthogonal by five Newton-Schulz iterations; AdamW for the rest.
///
/// Source: Jordan 2024, github.com/KellerJordan/Muon, and Liu et al. 2025, arXiv:2502.16982, algorithm 2,
/// which is LLaMA-Factory's form. Their iterations run in bfloat16, these in float32; norms and biases are
/// not decayed.
package struct Muon: OptimizerRule {
    /// What an orthogonal direction is multiplied by; torch.optim.Muon's names.
    package enum Scaling: String, Sendable {
        /// 0.2 · √max(outputs, inputs): steps as large as AdamW's usual ones.
        case matchRMSAdamW = "match_rms_adamw"
        /// √max(1, outputs / inputs).
        case original
    }

    package var momentum: Double
    package var scaling: Scaling
    /// The matrices' learning rate over that of the rest.
    package var rateFactor: Double
    /// What moves the rest.
    package var rest: AdamW
    /// Names of the parameters that it moves itself, all with two extents.
    package var matrices: Set<String>

    /// The polynomial aX + (bA + cA²)X with A = XXᵀ.
    private static let (a, b, c): (Float, Float, Float) = (3.4445, -4.7750, 2.0315)
    private static let iterations = 5
    private static let floor = 1e-7

    package init(
        momentum: Double, scaling: Scaling, rateFactor: Double, rest: AdamW, matrices: Set<String>
    ) {
        self.momentum = momentum
        self.scaling = scaling
        self.rateFactor = rateFactor
        self.rest = rest
        self.matrices = matrices
    }

    package var name: String { "muon" }
    package var summary: String? {
        "Muon (\(scaling.rawValue)) moves \(matrices.count) matrices, AdamW the rest"
    }
    package var weightDecay: Double { rest.weightDecay }
    package var elementwiseState: [String] { ["first_moment"] }
    package var needsWholeParameters: Bool { true }
    package var multipliesMatrices: Bool { true }

    package func ownState(of parameter: Parameter) -> [StateArray] {
        matrices.contains(parameter.name)
            ? [] : [StateArray(name: "second_moment", shape: parameter.shape)]
    }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        guard matrices.contains(part.parameter.name) else {
            return rest.update(part.keeping(part.elementwise + part.own), in: workspace)
        }
        let (count, kept) = (part.range.count, part.elementwise[0])
        let keep = Float(momentum)
        workspace.blend(
            kept, keeping: keep, adding: part.gradients, times: part.gradientScale, count: count)
        // Nesterov's: the gradient and the momentum that it will have.
        let step = workspace.buffer(count, .float32)
        workspace.convert(part.gradients, to: step, count: count)
        workspace.blend(step, keeping: part.gradientScale, adding: kept, times: keep, count: count)
        let extents = part.parameter.shape.extents
        orthogonalize(step, rows: extents[0], columns: extents[1], in: workspace)
        var factors = part.factors(beta1: 0)
        factors.learningRate *= Float(rateFactor)
        factors.gradientScale = scale(of: part.parameter)
        workspace.update(part, by: .sgd(nesterov: false), factors, gradients: step)
    }

    private func scale(of parameter: Parameter) -> Float {
        let extents = parameter.shape.extents.map(Float.init)
        switch scaling {
        case .matchRMSAdamW: return 0.2 * max(extents[0], extents[1]).squareRoot()
        case .original:
            let isUpright = parameter.layout == .outputsByInputs
            return max(1, isUpright ? extents[0] / extents[1] : extents[1] / extents[0])
                .squareRoot()
        }
    }

    /// Brings the singular values of X (rows, columns) near to 1. Takes room for another X and for two
    /// squares of its smaller side.
    private func orthogonalize(_ x: Buffer, rows: Int, columns: Int, in workspace: Workspace) {
        let count = rows * columns
        let norm = workspace.sumOfSquares(x, count: count).squareRoot()
        workspace.scale(x, by: Float(1 / (norm + Self.floor)), count: count)
        let isWide = rows <= columns
        let (side, length) = (min(rows, columns), max(rows, columns))
        let squares = (0..<2).map { _ in workspace.buffer(side * side, .float32) }
        let next = workspace.buffer(count, .float32)
        for _ in 0..<Self.iterations {
            // XXᵀ of a wide X, XᵀX of a tall one.
            workspace.multiplyByTiles(
                MatrixProduct(
                    rows: side, columns: side, inner: length, transposeA: !isWide,
                    transposeB: isWide), x, x, into: squares[0])
            workspace.multiplyByTiles(
                MatrixProduct(rows: side, columns: side, inner: side), squares[0], squares[0],
                into: squares[1])
            workspace.blend(
                squares[1], keeping: Self.c, adding: squares[0], times: Self.b, count: side * side)
            workspace.multiplyByTiles(
                MatrixProduct(rows: rows, columns: columns, inner: side),
                isWide ? squares[1] : x, isWide ? x : squares[1], into: next)
            workspace.blend(x, keeping: Self.a, adding: next, times: 1, count: count)
        }
    }
}
