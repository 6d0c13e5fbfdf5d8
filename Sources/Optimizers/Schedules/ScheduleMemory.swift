/// What a schedule makes of a run's evaluations; kept in checkpoints.
package struct ScheduleMemory: Codable, Sendable, Equatable {
    /// The rate that the run began with, and the one it has.
    package var peak: Double
    package var rate: Double
    /// The best metric so far; `nil` before the first.
    package var best: Double?
    /// Evaluations in a row that were not better.
    package var badEvaluations = 0
    /// Evaluations that are not looked at yet.
    package var cooldownLeft = 0

    package init(peak: Double, rate: Double) {
        self.peak = peak
        self.rate = rate
    }

    /// As numbers that ranks exchange; a best metric that is not there is no number.
    package var numbers: [Double] {
        [peak, rate, best ?? .nan, Double(badEvaluations), Double(cooldownLeft)]
    }

    /// - Returns: `nil` of no numbers.
    package init?(numbers: some Collection<Double>) {
        let numbers = Array(numbers)
        guard numbers.count == 5 else { return nil }
        self.init(peak: numbers[0], rate: numbers[1])
        best = numbers[2].isNaN ? nil : numbers[2]
        badEvaluations = Int(numbers[3])
        cooldownLeft = Int(numbers[4])
    }
}
