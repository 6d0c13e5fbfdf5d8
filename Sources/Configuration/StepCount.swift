/// A number of steps: given outright, or as a fraction of all steps.
package enum StepCount: Sendable, Equatable {
    case steps(Int)
    case fraction(Double)

    /// Reads a configuration's number: below 1 a fraction, otherwise whole steps, of which there
    /// are at most ``TrainingPlan/mostSteps``. Parts of a step do not count, as in transformers.
    init(_ number: Double) {
        self =
            number < 1 ? .fraction(number) : .steps(TrainingPlan.steps(number.rounded(.down)))
    }

    /// The steps out of `total`; fractions are rounded up.
    package func resolved(of total: Int) -> Int {
        switch self {
        case .steps(let steps): steps
        case .fraction(let fraction): Int((Double(total) * fraction).rounded(.up))
        }
    }
}
