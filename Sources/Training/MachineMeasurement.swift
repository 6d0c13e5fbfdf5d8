package import Kernels

/// What this machine reaches, measured when the run starts.
package enum MachineMeasurement {
    /// Floating-point operations a second of a large matrix product on the workspace's threads.
    ///
    /// The best of some products of (512, 2048) by (2048, 2048), of a training step's shape; takes
    /// about a quarter of a second.
    package static func matrixProductPeak(
        _ type: ElementType, in workspace: Workspace
    ) -> Double {
        let (rows, columns, inner) = (512, 2048, 2048)
        let a = workspace.zeros(rows * inner, type)
        let b = workspace.zeros(columns * inner, type)
        let c = workspace.zeros(rows * columns, type)
        let product = MatrixProduct(
            rows: rows, columns: columns, inner: inner, transposeB: true)
        var best = Double.infinity
        let start = ContinuousClock.now
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            workspace.matrices.multiply(product, a, b, into: c)
            best = min(best, (ContinuousClock.now - begun) / .seconds(1))
            if ContinuousClock.now - start > .milliseconds(250) { break }
        }
        return 2 * Double(rows * columns * inner) / best
    }
}
