import Distributed
package import Kernels

/// What this machine reaches, measured when the run starts.
package enum MachineMeasurement {
    /// What products of matrices come to.
    package struct ProductPeak {
        /// Floating-point operations a second, of the best product.
        package let operations: Double
        /// Whether others had a fifth of the processors' time or more meanwhile, or half of the products took
        /// twice as long as the best: the peak is then no yardstick.
        package let wasBusy: Bool

        package init(operations: Double, wasBusy: Bool) {
            self.operations = operations
            self.wasBusy = wasBusy
        }
    }

    /// In place of figures that need a peak.
    package static let busyNote =
        "the machine was busy or uneven while its peak was measured: no MFU is told; "
        + "peak_gflops gives a peak"

    /// Floating-point operations a second of a large matrix product on the workspace's threads.
    package static func matrixProductPeak(
        _ type: ElementType, in workspace: Workspace
    ) -> Double {
        matrixProducts(type, in: workspace).operations
    }

    /// The best of some products of (512, 2048) by (2048, 2048), of a training step's shape; takes
    /// about a quarter of a second.
    package static func matrixProducts(
        _ type: ElementType, in workspace: Workspace
    ) -> ProductPeak {
        let (rows, columns, inner) = (512, 2048, 2048)
        let a = workspace.zeros(rows * inner, type)
        let b = workspace.zeros(columns * inner, type)
        let c = workspace.zeros(rows * columns, type)
        let product = MatrixProduct(
            rows: rows, columns: columns, inner: inner, transposeB: true)
        var seconds: [Double] = []
        // The first finds pages and threads ready for the others.
        workspace.matrices.multiply(product, a, b, into: c)
        let start = ContinuousClock.now
        let processorTime = Machine.processorSeconds()
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            workspace.matrices.multiply(product, a, b, into: c)
            seconds.append((ContinuousClock.now - begun) / .seconds(1))
            if ContinuousClock.now - start > .milliseconds(250) { break }
        }
        let passed = (ContinuousClock.now - start) / .seconds(1)
        let share =
            (Machine.processorSeconds() - processorTime)
            / (passed * Double(workspace.threads.threads))
        seconds.sort()
        return ProductPeak(
            operations: 2 * Double(rows * columns * inner) / seconds[0],
            wasBusy: share < 0.8 || areUneven(sorted: seconds))
    }

    /// Whether half of some repeats took more than twice as long as the best; they are in ascending order.
    package static func areUneven(sorted seconds: [Double]) -> Bool {
        guard let best = seconds.first else { return false }
        return seconds[seconds.count / 2] > 2 * best
    }
}
