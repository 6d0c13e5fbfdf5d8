/// Seconds since the last lap.
package struct LapClock {
    private var last = ContinuousClock.now

    /// Begins now.
    package init() {}

    /// Seconds since the last lap.
    package var seconds: Double { (ContinuousClock.now - last) / .seconds(1) }

    /// Seconds since the last call.
    package mutating func lap() -> Double {
        let now = ContinuousClock.now
        defer { last = now }
        return (now - last) / .seconds(1)
    }
}
