package import Autograd
import Foundation
package import Kernels

/// Adam's second moment by its rows' and columns' means, without a first. Source: arXiv:1804.04235,
/// algorithm 6, as transformers 5.23 has it (`Adafactor` without relative steps and momentum).
package struct Adafactor: OptimizerRule {
    package var weightDecay: Double
    /// Whether a parameter's rate is multiplied by the root of its mean square, or ``leastScale``.
    package var scalesByParameter: Bool

    /// Bounds the root of the mean square of what is subtracted, before the rate.
    private static let clip: Float = 1
    private static let leastScale = 1e-3
    private static let decay = -0.8
    private static let floor: Float = 1e-30

    package init(weightDecay: Double, scalesByParameter: Bool = false) {
        self.weightDecay = weightDecay
        self.scalesByParameter = scalesByParameter
    }

    package var name: String { "adafactor" }
    package var elementwiseState: [String] { [] }
    package var needsWholeParameters: Bool { true }

    package func ownState(of parameter: Parameter) -> [StateArray] {
        guard isFactored(parameter) else {
            return [StateArray(name: "second_moment", shape: parameter.shape)]
        }
        return [
            StateArray(name: "second_moment_rows", shape: [parameter.shape.rows]),
            StateArray(name: "second_moment_columns", shape: [parameter.shape.width]),
        ]
    }

    private func isFactored(_ parameter: Parameter) -> Bool { parameter.shape.extents.count == 2 }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        let count = part.range.count
        let step = workspace.buffer(count, .float32)
        let keep = Float(1 - pow(Double(part.step), Self.decay))
        if isFactored(part.parameter) {
            factored(part, keep: keep, into: step, in: workspace)
        } else {
            whole(part, keep: keep, into: step, in: workspace)
        }
        let root = (workspace.sumOfSquares(step, count: count) / Double(count)).squareRoot()
        var factors = part.factors(beta1: 0)
        factors.gradientScale = 1 / max(1, Float(root) / Self.clip)
        if scalesByParameter {
            let square = part.sumOfSquares(in: workspace) / Double(count)
            factors.learningRate *= Float(max(Self.leastScale, square.squareRoot()))
        }
        workspace.update(part, by: .sgd(nesterov: false), factors, gradients: step)
    }

    /// The gradient by the root of rows ⊗ columns / mean of rows.
    private func factored(
        _ part: UpdatePart, keep: Float, into step: Buffer, in workspace: Workspace
    ) {
        let (rows, columns) = (part.parameter.shape.rows, part.parameter.shape.width)
        let (rowMeans, columnMeans) = (
            workspace.buffer(rows, .float32), workspace.buffer(columns, .float32)
        )
        workspace.squareMeans(
            of: part.gradients, scale: part.gradientScale, floor: Self.floor, rows: rows,
            columns: columns, intoRows: rowMeans, intoColumns: columnMeans)
        let kept = zip(part.own, [(rowMeans, rows), (columnMeans, columns)]).map { own, new in
            let numbers = zip(
                workspace.numbers(own, count: new.1), workspace.numbers(new.0, count: new.1)
            ).map { keep * $0 + (1 - keep) * $1 }
            workspace.store(numbers, into: own)
            return numbers
        }
        let mean = kept[0].reduce(0.0) { $0 + Double($1) } / Double(rows)
        workspace.store(kept[0].map { Float((mean / Double($0)).squareRoot()) }, into: rowMeans)
        workspace.store(kept[1].map { 1 / $0.squareRoot() }, into: columnMeans)
        workspace.scale(
            part.gradients, by: part.gradientScale, rowFactors: rowMeans,
            columnFactors: columnMeans, into: step, rows: rows, columns: columns)
    }

    /// Of vectors, which are short: the gradient by the root of its own mean square.
    private func whole(
        _ part: UpdatePart, keep: Float, into step: Buffer, in workspace: Workspace
    ) {
        let count = part.range.count
        let gradients = workspace.numbers(part.gradients, count: count)
            .map { $0 * part.gradientScale }
        let squares = zip(workspace.numbers(part.own[0], count: count), gradients).map {
            keep * $0 + (1 - keep) * ($1 * $1 + Self.floor)
        }
        workspace.store(squares, into: part.own[0])
        workspace.store(zip(gradients, squares).map { $0 / $1.squareRoot() }, into: step)
    }
}
