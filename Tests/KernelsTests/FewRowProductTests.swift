import Kernels
import Testing

/// Products of few rows against the general ones of the same numbers in float32.
@Suite struct FewRowProductTests {
    private struct Case {
        let rows, columns, inner: Int
    }

    private static let cases = [
        Case(rows: 1, columns: 1, inner: 1), Case(rows: 1, columns: 37, inner: 576),
        Case(rows: 2, columns: 64, inner: 31), Case(rows: 3, columns: 515, inner: 100),
        Case(rows: 5, columns: 6, inner: 7), Case(rows: 7, columns: 1030, inner: 17),
        Case(rows: 8, columns: 129, inner: 260), Case(rows: 4, columns: 200, inner: 1100),
    ]

    @Test(arguments: ElementType.all, [1, 2, 3])
    func valuesAreThoseOfTheGeneralProduct(type: ElementType, threads: Int) {
        let workspace = Workspace(threads: threads)
        for (index, shape) in Self.cases.enumerated() {
            for isTransposed in [true, false] {
                for (output, adding, biased) in [
                    (ElementType.float32, false, false), (.float32, true, true),
                    (type, false, true), (type, true, false),
                ] {
                    compare(
                        workspace, shape, "\(index)", type, output, isTransposed, adding, biased)
                }
            }
        }
    }

    /// Generation counts on it: a text does not depend on those that are written beside it.
    @Test(arguments: ElementType.all)
    func aRowIsTheSameInAnyCompany(type: ElementType) {
        let workspace = Workspace(threads: 2)
        let (columns, inner) = (133, 1000)
        var numbers = TestNumbers("company")
        let x = workspace.buffer(numbers.array(32 * inner), type)
        let w = workspace.buffer(numbers.array(columns * inner), type)
        func product(_ rows: Int) -> MatrixProduct {
            MatrixProduct(rows: rows, columns: columns, inner: inner, transposeB: true)
        }
        func values(of rows: Int, from first: Int) -> [Float] {
            let y = workspace.zeros(rows * columns, .float32)
            workspace.fewRowProduct(
                product(rows), x.advanced(by: first * inner), w, into: y)
            return workspace.numbers(y, count: rows * columns)
        }
        let alone = (0..<32).flatMap { values(of: 1, from: $0) }
        let y = workspace.zeros(32 * columns, .float32)
        for rows in [2, 3, 4, 5, 6, 7, 8, 9, 19, 32]
        where Workspace.hasFewRows(product(rows), x, w, into: y) {
            for first in stride(from: 0, through: 32 - rows, by: rows) {
                let expected = alone[first * columns..<(first + rows) * columns]
                #expect(values(of: rows, from: first) == Array(expected), "\(rows)")
            }
        }
    }

    @Test func zeroRowsLeaveTheResultAlone() {
        let workspace = Workspace(threads: 2)
        let y = workspace.buffer([1, 2], .float32)
        workspace.fewRowProduct(
            MatrixProduct(rows: 0, columns: 2, inner: 3, transposeB: true),
            workspace.zeros(3, .float32), workspace.zeros(6, .float32), into: y)
        #expect(workspace.numbers(y, count: 2) == [1, 2])
    }

    private func compare(
        _ workspace: Workspace, _ shape: Case, _ name: String, _ type: ElementType,
        _ output: ElementType, _ isTransposed: Bool, _ adding: Bool, _ biased: Bool
    ) {
        var numbers = TestNumbers("few rows \(name)")
        // Rows of x further apart than they are long.
        let stride = shape.inner + 3
        let x = workspace.rounded(numbers.array(shape.rows * stride), to: type)
        let w = workspace.rounded(numbers.array(shape.columns * shape.inner), to: type)
        let start = workspace.rounded(numbers.array(shape.rows * shape.columns), to: output)
        let bias = biased ? workspace.buffer(numbers.array(shape.columns), .float32) : nil
        let product = MatrixProduct(
            rows: shape.rows, columns: shape.columns, inner: shape.inner,
            transposeB: isTransposed, strideA: stride, accumulate: adding)
        let (found, expected) = (
            workspace.buffer(start, output), workspace.buffer(start, .float32)
        )
        workspace.fewRowProduct(
            product, workspace.buffer(x, type), workspace.buffer(w, type), into: found, bias: bias)
        workspace.matrices.multiply(
            product, workspace.buffer(x, .float32), workspace.buffer(w, .float32), into: expected,
            bias: bias, thread: 0)
        let count = shape.rows * shape.columns
        let (a, b) = (
            workspace.numbers(found, count: count), workspace.numbers(expected, count: count)
        )
        // Sums of `inner` products in [−1, 1] in another order, then one rounding to the output's
        // type.
        let sums = Double(shape.inner) * 0x1p-24
        for (a, b) in zip(a, b) {
            #expect(
                abs(Double(a) - Double(b)) <= sums + output.roundoff * (abs(Double(b)) + 1e-6)
                    + 1e-6)
        }
    }
}
