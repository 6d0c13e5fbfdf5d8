import Kernels
import TestSupport
import Testing

/// The randomized decomposition against LAPACK's own.
@Suite struct TruncatedSingularValuesTests {
    private static let (rows, columns, rank) = (150, 90, 6)

    /// Orthogonal directions whose sizes halve from one to the next, and noise a thousandth as large.
    private func matrix(in workspace: Workspace) -> Buffer {
        let (rows, columns) = (Self.rows, Self.columns)
        let left = workspace.buffer(rows * 12, .float32)
        let right = workspace.buffer(12 * columns, .float32)
        workspace.fillNormal(left, count: rows * 12, deviation: 1, key: 1)
        workspace.fillNormal(right, count: 12 * columns, deviation: 1, key: 2)
        let sizes = (0..<12 * columns).map { Float(1) / Float(1 << ($0 / columns)) }
        let scaled = zip(workspace.numbers(right, count: 12 * columns), sizes).map { $0 * $1 }
        workspace.store(scaled, into: right)
        let sum = workspace.buffer(rows * columns, .float32)
        workspace.fillNormal(sum, count: rows * columns, deviation: 1e-3, key: 3)
        workspace.multiplyByTiles(
            MatrixProduct(rows: rows, columns: columns, inner: 12, accumulate: true), left, right,
            into: sum)
        return sum
    }

    private func decompose(threads: Int, iterations: Int?, rank: Int) throws -> (
        left: [Float], values: [Float], right: [Float]
    ) {
        let workspace = Workspace(threads: threads)
        return try #require(
            workspace.truncatedSVD(
                matrix(in: workspace), rows: Self.rows, columns: Self.columns, rank: rank,
                iterations: iterations, key: 5))
    }

    @Test func theFirstVectorsAreThoseOfTheExactOne() throws {
        let exact = try decompose(threads: 1, iterations: nil, rank: Self.rank)
        let found = try decompose(threads: 1, iterations: 2, rank: Self.rank + 8)
        for index in 0..<Self.rank {
            // Two iterations shrink the rest by (σ₁₅/σ₆)⁵, far below float32's rounding of the largest.
            #expect(abs(found.values[index] / exact.values[index] - 1) < 1e-5)
            let columns = Self.columns
            let pair = zip(
                found.right[index * columns..<(index + 1) * columns],
                exact.right[index * columns..<(index + 1) * columns])
            let cosine = pair.reduce(Float(0)) { $0 + $1.0 * $1.1 }
            #expect(abs(abs(cosine) - 1) < 1e-5, "vector \(index)")
        }
    }

    @Test func threadsChangeNoBit() throws {
        let one = try decompose(threads: 1, iterations: 2, rank: 14)
        let three = try decompose(threads: 3, iterations: 2, rank: 14)
        #expect(one.right == three.right && one.left == three.left && one.values == three.values)
    }

    @Test func tiledProductsAreProducts() {
        let workspace = Workspace(threads: 3)
        for (rows, columns, inner) in [(300, 7, 20), (5, 260, 33), (1, 1, 1), (129, 129, 2)] {
            let a = workspace.buffer(rows * inner, .float32)
            let b = workspace.buffer(inner * columns, .float32)
            workspace.fillNormal(a, count: rows * inner, deviation: 1, key: 1)
            workspace.fillNormal(b, count: inner * columns, deviation: 1, key: 2)
            let results = [false, true].map { tiles in
                let c = workspace.zeros(rows * columns, .float32)
                let product = MatrixProduct(rows: rows, columns: columns, inner: inner)
                if tiles {
                    workspace.multiplyByTiles(product, a, b, into: c)
                } else {
                    workspace.matrices.multiply(product, a, b, into: c)
                }
                return workspace.numbers(c, count: rows * columns)
            }
            // Sums of `inner` products of order 1 in another order.
            #expect(Difference.absolute(results[0], results[1]) < 1e-5 * Float(inner))
        }
    }
}
