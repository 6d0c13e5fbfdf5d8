import Kernels
import TestSupport
import Testing

/// Products with factors of few ranks against the general ones of the same numbers in float32.
@Suite struct LowRankProductTests {
    private struct Case {
        let rows, inputs, outputs, rank: Int
    }

    private static let cases = [
        Case(rows: 1, inputs: 1, outputs: 1, rank: 1),
        Case(rows: 7, inputs: 33, outputs: 64, rank: 3),
        Case(rows: 33, inputs: 300, outputs: 21, rank: 8),
        Case(rows: 100, inputs: 64, outputs: 515, rank: 16),
        Case(rows: 65, inputs: 515, outputs: 96, rank: 31),
        Case(rows: 1000, inputs: 97, outputs: 40, rank: 32),
    ]

    private struct Results {
        var y, dx, da, db: [Float]
    }

    private let scale: Float = 1.5

    // The large operands and inner are rounded to the type: once each in y and dB, twice in dx, dA.
    @Test(arguments: ElementType.all, [1, 2, 3])
    func valuesAreThoseOfTheGeneralProducts(type: ElementType, threads: Int) {
        let workspace = Workspace(threads: threads)
        for shape in Self.cases {
            for large in type == .float32 ? [type] : [type, .float32] {
                var numbers = TestNumbers("low rank \(shape)")
                let count = shape.rows * shape.inputs
                let x = workspace.rounded(numbers.array(count), to: type)
                let a = workspace.rounded(numbers.array(shape.rank * shape.inputs), to: type)
                let b = workspace.rounded(numbers.array(shape.rank * shape.outputs), to: type)
                let y = workspace.rounded(numbers.array(shape.rows * shape.outputs), to: large)
                let dx = workspace.rounded(numbers.array(count), to: type)
                let found = run(
                    shape, x: x, y: y, dx: dx, a: a, b: b, type: type, large: large, workspace)
                let expected = general(shape, x: x, y: y, dx: dx, a: a, b: b, workspace)
                let bound = type == .float32 ? 4e-6 : 3 * type.roundoff
                let name = "\(shape) \(large)"
                #expect(Difference.relative(found.y, expected.y) < bound, "\(name)")
                #expect(Difference.relative(found.dx, expected.dx) < bound, "\(name)")
                #expect(Difference.relative(found.da, expected.da) < bound, "\(name)")
                #expect(Difference.relative(found.db, expected.db) < bound, "\(name)")
                let again = run(
                    shape, x: x, y: y, dx: dx, a: a, b: b, type: type, large: large, workspace)
                #expect(again.y == found.y && again.dx == found.dx, "\(name)")
                #expect(again.da == found.da && again.db == found.db, "\(name)")
            }
        }
    }

    @Test func freshGradientsReplaceWhatWasThere() {
        let workspace = Workspace(threads: 2)
        let a = LowRankFactor(workspace.buffer([1, 2, 3], .float32), rank: 1, width: 3)
        let dinner = workspace.zeros(2 * a.paddedRank, .float32)
        workspace.store([2] + [Float](repeating: 0, count: 7) + [3], into: dinner)
        let dx = workspace.buffer([.nan, 9, 9, 9, 9, .nan], .float32)
        workspace.lowRankInputGradient(dinner, a, into: dx, adding: false, rows: 2)
        #expect(workspace.numbers(dx, count: 6) == [2, 4, 6, 3, 6, 9])
    }

    /// y, dx, dA and dB of the products of few ranks, with dy = y as it was.
    private func run(
        _ shape: Case, x: [Float], y: [Float], dx: [Float], a: [Float], b: [Float],
        type: ElementType, large: ElementType, _ workspace: Workspace
    ) -> Results {
        let factorA = LowRankFactor(
            workspace.buffer(a, type), rank: shape.rank, width: shape.inputs)
        let factorB = LowRankFactor(
            workspace.buffer(b, type), rank: shape.rank, width: shape.outputs, transposed: true)
        let (input, output) = (workspace.buffer(x, type), workspace.buffer(y, large))
        let (dy, gradient) = (workspace.buffer(y, large), workspace.buffer(dx, type))
        let ones = { [Float](repeating: 1, count: $0) }
        let da = workspace.buffer(ones(a.count), .float32)
        let db = workspace.buffer(ones(b.count), .float32)
        let inner = workspace.addLowRank(
            input, factorA, factorB, workspace.arranged(factorA, factorB), scale: scale,
            to: output, rows: shape.rows)
        if let dinner = workspace.lowRankInnerGradient(
            dy, factorB, inner: inner, scale: scale, addingTo: db, wanted: true,
            rows: shape.rows)
        {
            workspace.addLowRankGradient(dinner, input, factorA, to: da, rows: shape.rows)
            workspace.lowRankInputGradient(
                dinner, factorA, into: gradient, adding: true, rows: shape.rows)
        }
        return Results(
            y: workspace.numbers(output, count: y.count),
            dx: workspace.numbers(gradient, count: dx.count),
            da: workspace.numbers(da, count: a.count), db: workspace.numbers(db, count: b.count))
    }

    /// The same by products in float32.
    private func general(
        _ shape: Case, x: [Float], y: [Float], dx: [Float], a: [Float], b: [Float],
        _ workspace: Workspace
    ) -> Results {
        let (rows, rank) = (shape.rows, shape.rank)
        let (inputs, outputs) = (shape.inputs, shape.outputs)
        let (x, dy) = (workspace.buffer(x, .float32), workspace.buffer(y, .float32))
        let (a, b) = (workspace.buffer(a, .float32), workspace.buffer(b, .float32))
        let (y, dx) = (workspace.buffer(y, .float32), workspace.buffer(dx, .float32))
        let inner = workspace.buffer(rows * rank, .float32)
        let dinner = workspace.buffer(rows * rank, .float32)
        let ones = { workspace.buffer([Float](repeating: 1, count: $0), .float32) }
        let (da, db) = (ones(rank * inputs), ones(rank * outputs))
        let products: [(MatrixProduct, Buffer, Buffer, Buffer)] = [
            (
                MatrixProduct(rows: rows, columns: rank, inner: inputs, transposeB: true), x, a,
                inner
            ),
            (MatrixProduct(rows: rows, columns: rank, inner: outputs), dy, b, dinner),
            (
                MatrixProduct(
                    rows: rows, columns: outputs, inner: rank, transposeB: true, accumulate: true),
                inner, b, y
            ),
            (
                MatrixProduct(
                    rows: outputs, columns: rank, inner: rows, transposeA: true, accumulate: true),
                dy, inner, db
            ),
            (
                MatrixProduct(
                    rows: rank, columns: inputs, inner: rows, transposeA: true, accumulate: true),
                dinner, x, da
            ),
            (
                MatrixProduct(rows: rows, columns: inputs, inner: rank, accumulate: true), dinner,
                a, dx
            ),
        ]
        for (index, (product, left, right, into)) in products.enumerated() {
            workspace.matrices.multiply(product, left, right, into: into)
            if index < 2 { workspace.scale(into, by: scale, count: rows * rank) }
        }
        return Results(
            y: workspace.numbers(y, count: rows * outputs),
            dx: workspace.numbers(dx, count: rows * inputs),
            da: workspace.numbers(da, count: rank * inputs),
            db: workspace.numbers(db, count: rank * outputs))
    }
}
