package import Kernels

extension MachineMeasurement {
    /// Bytes a second that the workspace's threads read from and write to memory.
    ///
    /// The best of some sums y += x of 64 MiB each, more than most caches hold; x is read, y read
    /// and written. Takes about a quarter of a second, and 128 MiB.
    package static func memoryRate(in workspace: Workspace) -> Double {
        let count = 1 << 24
        let x = workspace.buffer(count, .float32)
        let y = workspace.buffer(count, .float32)
        // Memory that no one has written is one page of zeros, read from the cache.
        for buffer in [x, y] { workspace.fill(buffer, count: count, with: 1) }
        var best = Double.infinity
        let start = ContinuousClock.now
        for _ in 0..<20 {
            let begun = ContinuousClock.now
            workspace.add(x, to: y, count: count)
            best = min(best, (ContinuousClock.now - begun) / .seconds(1))
            if ContinuousClock.now - start > .milliseconds(250) { break }
        }
        return Double(3 * count * ElementType.float32.bytes) / best
    }
}
