/// How long each pass of a slowed rank waits, so that passes take twice as long as by themselves.
package struct SlowedPasses: Sendable {
    /// Seconds of one pass by itself, in the step before.
    private var seconds = 0.0
    /// What this step's passes have waited.
    private var waited = 0.0

    package init() {}

    /// Seconds that the next pass is to wait.
    package mutating func delay() -> Double {
        waited += seconds
        return seconds
    }

    /// Takes note of a step.
    ///
    /// - Parameter seconds: of all its passes, with what they waited.
    package mutating func stepEnded(passes: Int, seconds: Double) {
        self.seconds = max(0, seconds - waited) / Double(max(1, passes))
        waited = 0
    }
}
