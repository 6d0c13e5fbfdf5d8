import Kernels
import TestSupport
import Testing

/// Products with quantized weights against a plain double loop over the decoded weights.
@Suite struct QuantizedProductTests {
    struct Case: CustomTestStringConvertible {
        let format: QuantizedFormat
        let rows, outputs, inputs, threads: Int
        var testDescription: String {
            "\(format.name) \(rows)x\(outputs)x\(inputs), \(threads) threads"
        }
    }

    /// Every format by every number of rows at which another loop starts; then shapes that are cut
    /// into tiles along each axis, and rows that end inside a block.
    static let cases: [Case] =
        QuantizedFormat.allCases.flatMap { format in
            [1, 2, 3, 4, 7, 8, 9, 40].map {
                Case(format: format, rows: $0, outputs: 11, inputs: 512, threads: 1 + $0 % 3)
            }
        } + [
            Case(format: .q8_0, rows: 9, outputs: 2500, inputs: 512, threads: 1),
            Case(format: .nf4, rows: 70, outputs: 300, inputs: 270, threads: 7),
            Case(format: .q8_0, rows: 70, outputs: 9, inputs: 33, threads: 4),
            Case(format: .nf4, rows: 3, outputs: 301, inputs: 270, threads: 4),
            Case(format: .q8_0, rows: 1, outputs: 301, inputs: 77, threads: 2),
        ]

    @Test(arguments: cases) func outputsAreThoseOfTheDecodedWeights(shape: Case) throws {
        for type in ElementType.all {
            for output in Set([type, .float32]) {
                for (biased, adding) in [
                    (false, false), (true, false), (false, true), (true, true),
                ] where !adding || output == .float32 {
                    let run = try ProductRun(shape, type)
                    let y = run.workspace.buffer(run.upstream.count, output)
                    run.workspace.multiply(
                        run.workspace.buffer(run.input, type), rows: shape.rows,
                        by: .quantized(run.matrix), into: y,
                        bias: biased ? run.workspace.buffer(run.bias, .float32) : nil,
                        start: adding ? run.workspace.buffer(run.upstream, .float32) : nil)
                    // Weights rounded to the type where there are many rows, then the output.
                    #expect(
                        Difference.relative(
                            run.workspace.numbers(y, count: run.upstream.count),
                            run.expectedOutput(biased: biased, adding: adding))
                            < run.tolerance, "\(type)→\(output) bias \(biased) adding \(adding)")
                }
            }
        }
    }

    @Test(arguments: cases) func inputGradientsAreThoseOfTheDecodedWeights(shape: Case) throws {
        for type in ElementType.all {
            for output in Set([type, .float32]) {
                for adding in [false, true] {
                    let run = try ProductRun(shape, type)
                    let dx = run.workspace.buffer(run.input, output)
                    run.workspace.multiplyBack(
                        run.workspace.buffer(run.upstream, type), rows: shape.rows,
                        by: .quantized(run.matrix), into: dx, adding: adding)
                    #expect(
                        Difference.relative(
                            run.workspace.numbers(dx, count: run.input.count),
                            run.expectedGradient(adding: adding)) < run.tolerance,
                        "\(type)→\(output) adding \(adding)")
                }
            }
        }
    }

    @Test func denseOperandGivesTheProductsOfItsMatrix() throws {
        for isTransposed in [false, true] {
            let run = try ProductRun(
                Case(format: .q8_0, rows: 5, outputs: 4, inputs: 512, threads: 2), .float32)
            let (outputs, inputs) = (run.matrix.rows, run.matrix.columns)
            let weights =
                isTransposed
                ? (0..<outputs * inputs).map { run.weights[$0 % outputs * inputs + $0 / outputs] }
                : run.weights
            let operand = WeightOperand.dense(
                run.workspace.buffer(weights, .float32), outputs: outputs, inputs: inputs,
                isTransposed: isTransposed)
            #expect(operand.outputs == outputs && operand.inputs == inputs)
            let y = run.workspace.buffer(run.upstream, .float32)
            run.workspace.multiply(
                run.workspace.buffer(run.input, .float32), rows: 5, by: operand, into: y)
            let expected = run.expectedOutput(biased: false, adding: false)
            #expect(
                Difference.relative(run.workspace.numbers(y, count: expected.count), expected)
                    < run.tolerance)
            let dx = run.workspace.buffer(run.input, .float32)
            run.workspace.multiplyBack(
                run.workspace.buffer(run.upstream, .float32), rows: 5, by: operand, into: dx)
            let gradient = run.expectedGradient(adding: false)
            #expect(
                Difference.relative(run.workspace.numbers(dx, count: gradient.count), gradient)
                    < run.tolerance)
        }
    }

    /// Where rows are to be independent, a row's bits are those that it has alone, whatever loop is taken.
    @Test(arguments: QuantizedFormat.allCases)
    func aRowIsTheSameAloneAndInCompany(format: QuantizedFormat) throws {
        let shape = Case(format: format, rows: 70, outputs: 11, inputs: 512, threads: 2)
        for type in [ElementType.float32, .bfloat16] {
            let run = try ProductRun(shape, type)
            run.workspace.independentRows = 70
            let inputs = run.matrix.columns
            let x = run.workspace.buffer(run.input, type)
            let together = run.workspace.buffer(run.upstream.count, .float32)
            let alone = run.workspace.buffer(run.upstream.count, .float32)
            let matrix = WeightOperand.quantized(run.matrix)
            for rows in [9, 16, 70] {
                run.workspace.multiply(x, rows: rows, by: matrix, into: together)
                for row in 0..<rows {
                    run.workspace.multiply(
                        x.advanced(by: row * inputs), rows: 1, by: matrix,
                        into: alone.advanced(by: row * run.matrix.rows))
                }
                let count = rows * run.matrix.rows
                #expect(
                    run.workspace.numbers(together, count: count)
                        == run.workspace.numbers(alone, count: count), "\(type), \(rows) rows")
            }
        }
    }

    /// A thread takes room for the part that it works on, and how many work at the same time is the system's to say:
    /// until all three have, the pool may grow by what two more threads take, in the product and in the one back.
    @Test(arguments: [1, 64]) func manyProductsAllocateNoMoreThanTheThreadsTogether(
        rows: Int
    ) throws {
        let run = try ProductRun(
            Case(format: .nf4, rows: rows, outputs: 700, inputs: 512, threads: 3), .bfloat16)
        let x = run.workspace.buffer(run.input, .bfloat16)
        let y = run.workspace.buffer(run.upstream, .bfloat16)
        func step() {
            run.workspace.multiply(x, rows: rows, by: .quantized(run.matrix), into: y)
            run.workspace.multiplyBack(y, rows: rows, by: .quantized(run.matrix), into: x)
        }
        step()
        let before = run.workspace.pool.systemAllocations
        for _ in 0..<50 { step() }
        #expect(run.workspace.pool.systemAllocations <= before + 4)
    }
}

/// Operands of one product, and its results in float64.
private struct ProductRun {
    let workspace: Workspace
    let matrix: QuantizedMatrix
    let weights, input, bias, upstream: [Float]
    let rows: Int
    /// Of three roundings to the type (weights, result, and an addend), or of sums in float32.
    let tolerance: Double

    init(_ shape: QuantizedProductTests.Case, _ type: ElementType) throws {
        workspace = Workspace(threads: shape.threads)
        rows = shape.rows
        matrix = try Self.matrix(shape)
        weights = matrix.numbers
        var random = TestNumbers("quantized product")
        input = workspace.rounded(random.array(rows * matrix.columns), to: type)
        upstream = workspace.rounded(random.array(rows * matrix.rows), to: type)
        bias = random.array(matrix.rows)
        tolerance = type == .float32 ? 2e-6 : 2 * type.roundoff
    }

    /// Of formats that are written here, any shape; of others, the reference's rows.
    private static func matrix(_ shape: QuantizedProductTests.Case) throws -> QuantizedMatrix {
        guard shape.format.canEncode else {
            let matrix = try ReferenceFile("gguf/blocks.safetensors").matrix(shape.format)
            let order = (0..<shape.outputs).map { $0 * 3 % matrix.rows }
            return matrix.rows(ordered: order)
        }
        var random = TestNumbers("weights")
        return QuantizedMatrix.quantize(
            random.array(shape.outputs * shape.inputs), rows: shape.outputs,
            columns: shape.inputs, as: shape.format)
    }

    func expectedOutput(biased: Bool, adding: Bool) -> [Float] {
        var y = [Float](repeating: 0, count: upstream.count)
        for row in 0..<rows {
            for output in 0..<matrix.rows {
                var sum = biased ? Double(bias[output]) : 0
                if adding { sum += Double(upstream[row * matrix.rows + output]) }
                for index in 0..<matrix.columns {
                    sum +=
                        Double(input[row * matrix.columns + index])
                        * Double(weights[output * matrix.columns + index])
                }
                y[row * matrix.rows + output] = Float(sum)
            }
        }
        return y
    }

    func expectedGradient(adding: Bool) -> [Float] {
        var dx = adding ? input.map(Double.init) : [Double](repeating: 0, count: input.count)
        for row in 0..<rows {
            for output in 0..<matrix.rows {
                let d = Double(upstream[row * matrix.rows + output])
                for index in 0..<matrix.columns {
                    dx[row * matrix.columns + index] +=
                        d * Double(weights[output * matrix.columns + index])
                }
            }
        }
        return dx.map(Float.init)
    }
}
