import Kernels
import Testing

/// Norms and the search for infinities and NaN.
@Suite struct ReductionTests {
    @Test(arguments: [1, 2, 3], [0, 1, 17, 65_536, 65_537, 300_001])
    func sumOfSquaresEqualsFloat64(threads: Int, count: Int) {
        let workspace = Workspace(threads: threads)
        var numbers = TestNumbers("squares")
        let values = numbers.array(count)
        let found = workspace.sumOfSquares(workspace.buffer(values, .float32), count: count)
        let expected = values.reduce(0.0) { $0 + Double($1) * Double($1) }
        // Float64 sums in another order.
        #expect(abs(found - expected) <= 1e-12 * expected)
    }

    @Test func sumOfSquaresDoesNotDependOnThreads() {
        var numbers = TestNumbers("squares")
        let values = numbers.array(500_000)
        let sums = [1, 2, 3].map { threads in
            let workspace = Workspace(threads: threads)
            return workspace.sumOfSquares(workspace.buffer(values, .float32), count: values.count)
        }
        #expect(sums[0] == sums[1] && sums[1] == sums[2])
    }

    // Squares beyond float32's range on both sides.
    @Test func sumOfSquaresNeitherOverflowsNorUnderflows() {
        let workspace = Workspace(threads: 1)
        let large = workspace.buffer([3e25, 4e25], .float32)
        #expect(abs(workspace.sumOfSquares(large, count: 2).squareRoot() / 5e25 - 1) < 1e-6)
        let small = workspace.buffer([3e-30, 4e-30], .float32)
        #expect(abs(workspace.sumOfSquares(small, count: 2).squareRoot() / 5e-30 - 1) < 1e-6)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity], [0, 1, 99, 70_000])
    func oneBadNumberIsSeenAnywhere(bad: Float, place: Int) {
        let workspace = Workspace(threads: 2)
        var values = [Float](repeating: 1, count: 70_001)
        #expect(workspace.allFinite(workspace.buffer(values, .float32), count: values.count))
        values[place] = bad
        let x = workspace.buffer(values, .float32)
        #expect(!workspace.allFinite(x, count: values.count))
        #expect(!workspace.sumOfSquares(x, count: values.count).isFinite)
        #expect(workspace.allFinite(x, count: place))
    }

    @Test func largestFiniteNumbersAreFinite() {
        let workspace = Workspace(threads: 1)
        let edge: [Float] = [
            .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 0, -0.0, 0x1p-149,
        ]
        #expect(workspace.allFinite(workspace.buffer(edge, .float32), count: edge.count))
        #expect(workspace.allFinite(workspace.buffer([], .float32), count: 0))
    }
}
