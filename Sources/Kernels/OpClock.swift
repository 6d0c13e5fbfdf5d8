/// Where the time of steps goes, by kind of op. Used by the step's thread only.
package final class OpClock {
    /// One kind of op in one direction.
    package struct Entry: Sendable {
        package var calls = 0
        package var seconds = 0.0
        /// Floating-point operations of matrix products; 0 where there are none.
        package var operations = 0.0
        /// Bytes of the activations and gradients that it reads and writes.
        package var bytes = 0
    }

    package private(set) var entries: [String: Entry] = [:]

    package init() {}

    /// Forgets everything.
    package func reset() { entries = [:] }

    /// Runs an op and counts its time.
    ///
    /// - Parameter bytes: what it moved, asked once it has run.
    package func measure<Result>(
        _ label: String, operations: Double, bytes: (Result) -> Int, running body: () -> Result
    ) -> Result {
        let start = ContinuousClock.now
        let result = body()
        var entry = entries[label] ?? Entry()
        entry.calls += 1
        entry.seconds += (ContinuousClock.now - start) / .seconds(1)
        entry.operations += operations
        entry.bytes += bytes(result)
        entries[label] = entry
        return result
    }
}
