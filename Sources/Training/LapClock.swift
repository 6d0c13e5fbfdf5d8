/// Seconds since the last lap.
struct LapClock {
    private var last = ContinuousClock.now

    /// Seconds since the last lap.
    var seconds: Double { (ContinuousClock.now - last) / .seconds(1) }

    /// Seconds since the last call.
    mutating func lap() -> Double {
        let now = ContinuousClock.now
        defer { last = now }
        return (now - last) / .seconds(1)
    }
}
