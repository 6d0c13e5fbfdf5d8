package import Autograd
import Foundation
package import Kernels

/// Adam with one second moment for each output of a matrix, each row of a table, each head of queries and
/// keys, and each norm; biases have Adam's own.
///
/// Source: Zhang et al. 2024, arXiv:2406.16793, algorithm 1 and the partition of section 2.3, as
/// github.com/zyushun/Adam-mini 1.1.1 has it. That takes width²/heads numbers for a head, which is wrong where
/// heads have a size of their own; here a head's outputs are counted. Its names of layers are those of a few
/// models; here every matrix that is not of queries or keys alone has a moment for each output.
package struct AdamMini: OptimizerRule {
    package var adam: AdamW
    /// Outputs of a head, of the weights of queries and keys by name.
    package var headSizes: [String: Int]

    package init(adam: AdamW, headSizes: [String: Int]) {
        self.adam = adam
        self.headSizes = headSizes
    }

    package var name: String { "adam_mini" }
    package var weightDecay: Double { adam.weightDecay }
    package var elementwiseState: [String] { ["first_moment"] }
    package var needsWholeParameters: Bool { true }

    package func ownState(of parameter: Parameter) -> [StateArray] {
        [StateArray(name: "second_moment", shape: momentShape(of: parameter))]
    }

    private func momentShape(of parameter: Parameter) -> Shape {
        guard parameter.shape.extents.count > 1 else {
            return isBias(parameter) ? parameter.shape : [1]
        }
        return [outputs(of: parameter) / groupSize(of: parameter)]
    }

    private func isBias(_ parameter: Parameter) -> Bool { parameter.name.hasSuffix("bias") }

    private func outputs(of parameter: Parameter) -> Int {
        isTransposed(parameter) ? parameter.shape.width : parameter.shape.rows
    }

    private func isTransposed(_ parameter: Parameter) -> Bool {
        parameter.layout == .inputsByOutputs
    }

    /// Outputs that share a second moment.
    private func groupSize(of parameter: Parameter) -> Int {
        let size = headSizes[parameter.name] ?? 1
        return outputs(of: parameter) % size == 0 ? size : 1
    }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        let parameter = part.parameter
        if parameter.shape.extents.count == 1, isBias(parameter) {
            return adam.update(part.keeping(part.elementwise + part.own), in: workspace)
        }
        let isVector = parameter.shape.extents.count == 1
        let rows = isVector ? 1 : parameter.shape.rows
        let (columns, count) = (part.range.count / rows, part.range.count)
        let means = (0..<2).map { workspace.buffer($0 == 0 ? rows : columns, .float32) }
        workspace.squareMeans(
            of: part.gradients, scale: part.gradientScale, floor: 0, rows: rows, columns: columns,
            intoRows: means[0], intoColumns: means[1])
        let side = isTransposed(parameter) ? 1 : 0
        let sides = [rows, columns]
        let factors = factors(
            of: part, squares: workspace.numbers(means[side], count: sides[side]),
            groupSize: isVector ? 1 : groupSize(of: parameter), in: workspace)
        workspace.store(factors, into: means[side])
        workspace.fill(means[1 - side], count: sides[1 - side], with: 1)
        let first = part.elementwise[0]
        workspace.blend(
            first, keeping: Float(adam.beta1), adding: part.gradients,
            times: Float(1 - adam.beta1) * part.gradientScale, count: count)
        let step = workspace.buffer(count, .float32)
        workspace.scale(
            first, by: 1, rowFactors: means[0], columnFactors: means[1], into: step, rows: rows,
            columns: columns)
        var move = part.factors(beta1: 0)
        move.gradientScale = 1
        workspace.update(part, by: .sgd(nesterov: false), move, gradients: step)
    }

    /// Adam's 1 / (c₁ (√(v/c₂) + ε)) for each output, with the second moments kept.
    private func factors(
        of part: UpdatePart, squares: [Float], groupSize: Int, in workspace: Workspace
    ) -> [Float] {
        let correction1 = 1 - pow(adam.beta1, Double(part.step))
        let correction2 = 1 - pow(adam.beta2, Double(part.step))
        var moments = workspace.numbers(part.own[0], count: squares.count / groupSize)
        for group in moments.indices {
            let members = squares[group * groupSize..<(group + 1) * groupSize]
            let mean = members.reduce(0.0) { $0 + Double($1) } / Double(groupSize)
            moments[group] = Float(
                adam.beta2 * Double(moments[group]) + (1 - adam.beta2) * mean)
        }
        workspace.store(moments, into: part.own[0])
        let factors = moments.map { moment in
            Float(
                1 / (correction1 * ((Double(moment) / correction2).squareRoot() + adam.epsilon)))
        }
        return squares.indices.map { factors[$0 / groupSize] }
    }
}
