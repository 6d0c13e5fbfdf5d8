import Kernels
import TestSupport
import Testing

/// Products of few rows that add a change of few ranks, against sums in float64 of the same numbers.
@Suite struct LowRankChangeTests {
    struct Case: CustomTestStringConvertible {
        let rows, inputs, outputs, rank: Int
        let isQuantized: Bool
        var testDescription: String {
            "\(rows)x\(outputs)x\(inputs), rank \(rank)" + (isQuantized ? ", quantized" : "")
        }
    }

    static let cases: [Case] = [false, true].flatMap { isQuantized in
        [
            (1, 1, 1, 1), (1, 576, 96, 8), (3, 260, 515, 5), (5, 33, 64, 31), (8, 96, 1030, 8),
            (8, 1100, 21, 32), (7, 31, 200, 16),
        ].map {
            Case(rows: $0.0, inputs: $0.1, outputs: $0.2, rank: $0.3, isQuantized: isQuantized)
        }
    }

    /// Where x is computed: weights and factors of the type, or blocks and factors of the type.
    private struct Run {
        let workspace: Workspace
        let type: ElementType
        let shape: Case
        let x, start, weights, a, b: [Float]
        let weight: WeightOperand
        let change: LowRankChange
        let scale: Float = 1.5

        init(_ shape: Case, _ type: ElementType, threads: Int) {
            self.shape = shape
            self.type = type
            let workspace = Workspace(threads: threads)
            self.workspace = workspace
            var numbers = TestNumbers("change \(shape)")
            func rounded(_ count: Int) -> [Float] {
                workspace.rounded(numbers.array(count), to: type)
            }
            x = rounded(shape.rows * shape.inputs)
            a = rounded(shape.rank * shape.inputs)
            b = rounded(shape.outputs * shape.rank)
            let dense = rounded(shape.outputs * shape.inputs)
            start = numbers.array(shape.rows * shape.outputs)
            if shape.isQuantized {
                let matrix = QuantizedMatrix.quantize(
                    dense, rows: shape.outputs, columns: shape.inputs, as: .q8_0)
                weights = matrix.numbers
                weight = .quantized(matrix)
            } else {
                weights = dense
                weight = .dense(
                    workspace.buffer(dense, type), outputs: shape.outputs, inputs: shape.inputs,
                    isTransposed: false)
            }
            let first = LowRankFactor(
                workspace.buffer(a, type), rank: shape.rank, width: shape.inputs)
            let second = LowRankFactor(
                workspace.buffer(b, type), rank: shape.rank, width: shape.outputs, transposed: true)
            change = LowRankChange(
                first, second, workspace.arranged(first, second), scale: scale)
        }

        func found(rows: Range<Int>, into output: ElementType, adding: Bool) -> [Float] {
            let part = Array(
                start[rows.lowerBound * shape.outputs..<rows.upperBound * shape.outputs])
            let count = rows.count * shape.outputs
            let y = workspace.zeros(count, output)
            let input = workspace.buffer(
                Array(x[rows.lowerBound * shape.inputs..<rows.upperBound * shape.inputs]), type)
            workspace.multiply(
                input, rows: rows.count, by: weight, into: y,
                start: adding ? workspace.buffer(part, .float32) : nil, isInference: true,
                adding: change)
            return workspace.numbers(y, count: count)
        }

        /// The sums, and the sizes of what they are made of: the start, the product, the change.
        func expected(adding: Bool) -> (sums: [Float], sizes: [Float]) {
            var sizes: [Float] = []
            let sums = (0..<shape.rows).flatMap { row in
                let inner = (0..<shape.rank).map { k in
                    (0..<shape.inputs).reduce(0.0) {
                        $0 + Double(x[row * shape.inputs + $1]) * Double(a[k * shape.inputs + $1])
                    } * Double(scale)
                }
                return (0..<shape.outputs).map { output -> Float in
                    let begin = adding ? Double(start[row * shape.outputs + output]) : 0
                    let product = (0..<shape.inputs).reduce(0.0) {
                        $0 + Double(x[row * shape.inputs + $1])
                            * Double(weights[output * shape.inputs + $1])
                    }
                    let change = (0..<shape.rank).reduce(0.0) {
                        $0 + inner[$1] * Double(b[output * shape.rank + $1])
                    }
                    sizes.append(Float(abs(begin) + abs(product) + abs(change)))
                    return Float(begin + product + change)
                }
            }
            return (sums, sizes)
        }
    }

    private func norm(_ numbers: [Float]) -> Double {
        numbers.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    }

    // Rounded to the type: y before and after the change, inner and the decoded weights where pairs are multiplied. Each
    // errs by its own size, be the sum of them as small as it may.
    @Test(arguments: cases, ElementType.all)
    func theChangeIsAddedOnce(shape: Case, type: ElementType) {
        for threads in [1, 2, 3] {
            let run = Run(shape, type, threads: threads)
            let bound = type == .float32 ? 2e-6 : 3 * type.roundoff
            for (output, adding) in [(ElementType.float32, true), (.float32, false), (type, false)]
            {
                let found = run.found(rows: 0..<shape.rows, into: output, adding: adding)
                let (sums, sizes) = run.expected(adding: adding)
                let errors = zip(found, sums).map { $0 - $1 }
                #expect(
                    norm(errors) < bound * norm(sizes),
                    "\(output), adding \(adding), \(threads) threads")
            }
        }
    }

    /// Generation counts on it: a text does not depend on those that are written beside it.
    @Test(arguments: cases, ElementType.all)
    func aRowIsTheSameInAnyCompany(shape: Case, type: ElementType) {
        let run = Run(shape, type, threads: 2)
        let together = run.found(rows: 0..<shape.rows, into: type, adding: false)
        let alone = (0..<shape.rows).flatMap {
            run.found(rows: $0..<$0 + 1, into: type, adding: false)
        }
        #expect(together == alone)
    }

    @Test func whatItCannotBeAddedToIsSaid() {
        let workspace = Workspace(threads: 1)
        func adds(
            rank: Int = 8, factors: ElementType = .float32, isTransposed: Bool = false,
            rows: Int = 8
        ) -> Bool {
            let weight = WeightOperand.dense(
                workspace.zeros(64, .float32), outputs: 8, inputs: 8, isTransposed: isTransposed)
            return workspace.addsChange(
                rank: rank, factors: factors, to: weight, of: workspace.zeros(64 * 8, .float32),
                rows: rows)
        }
        #expect(adds())
        #expect(!adds(rank: LowRankFactor.mostRanks + 1))
        #expect(!adds(factors: .bfloat16))
        #expect(!adds(isTransposed: true))
        #expect(!adds(rows: 64))
        workspace.independentRows = 64
        #expect(adds(rows: 64))
    }
}
