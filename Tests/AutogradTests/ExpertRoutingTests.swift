import Autograd
import Foundation
import Kernels
import Testing

/// Routing to experts, and the sum over them.
@Suite struct ExpertRoutingTests {
    private static let logits: [Float] = [
        0.3, -1.2, 2.0, 0.1, -0.4, 0.9, 0.8, -2.0, 1.5, 1.1, 0.2, 0.7,
    ]  // (3, 4)

    /// Σ over tokens and choices of factor · weight, by definition, in float64.
    private static func weights(
        _ logits: [Float], experts: Int, chosen: Int, normalized: Bool
    ) -> (weights: [Double], indices: [Int]) {
        var (weights, indices) = ([Double](), [Int]())
        for start in stride(from: 0, to: logits.count, by: experts) {
            let row = logits[start..<start + experts].map { exp(Double($0)) }
            let order = row.indices.sorted { row[$0] > row[$1] }.prefix(chosen)
            let total = normalized ? order.reduce(0) { $0 + row[$1] } : row.reduce(0, +)
            weights += order.map { row[$0] / total }
            indices += order
        }
        return (weights, indices)
    }

    @Test(arguments: [false, true], [1, 2, 4])
    func weightsAreTheLargestProbabilities(normalized: Bool, chosen: Int) {
        let run = OpRun(threads: 2)
        let x = run.workspace.tensor([3, 4], Self.logits)
        let routing = run.pass.routeExperts(x, chosen: chosen, normalized: normalized)
        let expected = Self.weights(
            Self.logits, experts: 4, chosen: chosen, normalized: normalized)
        #expect(routing.choice.indices.map(Int.init) == expected.indices)
        for (found, wanted) in zip(run.workspace.numbers(routing.weights), expected.weights) {
            #expect(abs(Double(found) - wanted) < 1e-6)
        }
        for (expert, tokens) in routing.choice.tokens.enumerated() {
            let wanted = expected.indices.indices.filter { expected.indices[$0] == expert }
            #expect(tokens.map(Int.init) == wanted.map { $0 / chosen })
        }
    }

    // ε = 1e-2 in float64 formulas: the error of a central difference is about ε²/6.
    @Test(arguments: [false, true])
    func gradientOfLogitsIsTheFiniteDifference(normalized: Bool) throws {
        let upstream: [Float] = [1, -2, 0.5, 3, -1, 0.25]
        let run = OpRun()
        let leaf = run.leaf([3, 4], Self.logits)
        let routing = run.pass.routeExperts(leaf.tensor, chosen: 2, normalized: normalized)
        run.backward(routing.weights, upstream)
        let gradient = try #require(leaf.gradient)
        for index in Self.logits.indices {
            let sums = [Float(1e-2), -1e-2].map { step in
                var moved = Self.logits
                moved[index] += step
                return zip(
                    Self.weights(moved, experts: 4, chosen: 2, normalized: normalized).weights,
                    upstream
                ).reduce(0) { $0 + $1.0 * Double($1.1) }
            }
            #expect(abs(Double(gradient[index]) - (sums[0] - sums[1]) / 2e-2) < 2e-4)
        }
    }

    // Expert e doubles e + 1 times; the sum is then known.
    @Test(arguments: Setting.all)
    func sumOverExpertsIsWeighted(setting: Setting) throws {
        let run = OpRun(setting)
        let x: [Float] = [1, 2, -1, 0.5, 4, -2]  // (1, 3, 2)
        let residual: [Float] = [10, 20, 30, 40, 50, 60]
        let input = run.leaf([1, 3, 2], x)
        let base = run.leaf([1, 3, 2], residual, as: .float32)
        let logits = run.leaf([1, 3, 4], Self.logits, as: .float32)
        let routing = run.pass.routeExperts(logits.tensor, chosen: 2, normalized: false)
        let matrices = (0..<4).map { expert in
            let factor = Float(expert + 1)
            return run.parameter("expert.\(expert)", [2, 2], [factor, 0, 0, factor])
        }
        let y = run.pass.experts(input.tensor, addingTo: base.tensor, routing) { expert, rows in
            run.pass.linear(rows, weight: matrices[expert], bias: nil)
        }
        let upstream: [Float] = [1, 0.5, -1, 2, 0.25, 1]
        run.backward(y, upstream)
        let known = Self.weights(Self.logits, experts: 4, chosen: 2, normalized: false)
        let tolerance = 20 * setting.type.tolerance(1)
        let dx = try #require(input.gradient)
        let found = run.workspace.numbers(y)
        for token in 0..<3 {
            let factor = (0..<2).reduce(0.0) {
                let place = 2 * token + $1
                return $0 + known.weights[place] * Double(known.indices[place] + 1)
            }
            for column in 0..<2 {
                let place = 2 * token + column
                let wanted = Double(residual[place]) + factor * Double(x[place])
                #expect(abs(Double(found[place]) - wanted) < tolerance + 4e-6)
                #expect(abs(Double(dx[place]) - factor * Double(upstream[place])) < tolerance)
            }
        }
        #expect(base.gradient == upstream)
        for (expert, matrix) in matrices.enumerated() {
            var wanted = 0.0
            for place in known.indices.indices where known.indices[place] == expert {
                let (token, weight) = (place / 2, known.weights[place])
                wanted += weight * Double(upstream[2 * token] * x[2 * token])
            }
            #expect(abs(Double(run.gradient(matrix)[0]) - wanted) < tolerance)
        }
    }

    @Test func masksOfRowsDoNotDependOnTheOtherRows() {
        let source = DropoutSource(seed: 5, sampleIDs: [17, 4])
        let width = 40
        func dropped(_ logits: [Float]) -> [[Float]] {
            let run = OpRun(dropout: source)
            let x = run.workspace.tensor(
                [2, 2, width], [Float](repeating: 1, count: 4 * width))
            let zeros = run.workspace.tensor(
                [2, 2, width], [Float](repeating: 0, count: 4 * width))
            let routing = run.pass.routeExperts(
                run.workspace.tensor([4, 2], logits), chosen: 1, normalized: true)
            let y = run.pass.experts(x, addingTo: zeros, routing) { _, rows in
                run.pass.dropout(rows, probability: 0.5)
            }
            let numbers = run.workspace.numbers(y)
            let after = run.workspace.numbers(run.pass.dropout(x, probability: 0.5))
            return (0..<4).map { Array(numbers[$0 * width..<($0 + 1) * width]) } + [after]
        }
        let spread = dropped([1, 0, 0, 1, 1, 0, 0, 1])
        let together = dropped([1, 0, 1, 0, 1, 0, 1, 0])
        #expect(spread[0] == together[0])
        #expect(spread[2] == together[2])
        #expect(spread[4] == together[4])
        #expect(spread[1] != together[1])  // another expert's mask
        #expect(Set(spread).count == 5)
    }
}
