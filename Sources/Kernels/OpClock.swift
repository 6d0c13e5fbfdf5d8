/// Where the time of steps goes, by kind of op. Used by the step's thread only.
package final class OpClock {
    /// One kind of op in one direction.
    package struct Entry: Sendable {
        package var calls = 0
        package var seconds = 0.0
        /// Floating-point operations of matrix products; 0 where there are none.
        package var operations = 0.0
    }

    package private(set) var entries: [String: Entry] = [:]

    package init() {}

    /// Forgets everything.
    package func reset() { entries = [:] }

    /// Runs an op and counts its time.
    package func measure<Result>(
        _ label: String, operations: Double, _ body: () -> Result
    ) -> Result {
        let start = ContinuousClock.now
        let result = body()
        var entry = entries[label] ?? Entry()
        entry.calls += 1
        entry.seconds += (ContinuousClock.now - start) / .seconds(1)
        entry.operations += operations
        entries[label] = entry
        return result
    }
}
