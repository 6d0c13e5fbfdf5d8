import Objectives
import Optimizers

/// This rank's losses of a step.
struct LossSums {
    var loss = 0.0
    /// What the loss is divided by.
    var targets = 0.0
    var figures: FigureSums
    var finding: String?
    /// Whether the rank has left the step before its last micro-batch.
    var isLeft = false

    init(_ task: any StepTask) { figures = FigureSums(task.figureNames) }

    mutating func add(_ outcome: ObjectiveLoss) {
        loss += outcome.loss.sum
        targets += outcome.divisor
        figures.add(outcome.figures)
        if !outcome.loss.sum.isFinite { finding = "the loss is \(outcome.loss.sum)" }
    }
}

/// What ranks tell each other in a step, packed into one all-reduce.
struct ControlMessage {
    enum Field: Int, CaseIterable {
        case loss
        case targets
        /// Σ g² over all gradients.
        case squares
        /// Ranks whose loss is not finite.
        case nonFinite
        /// Ranks that have been asked to stop.
        case stops
        case saveFailures
        /// Ids of all ranks' samples.
        case tokens
        /// Ranks that have left the step unfinished.
        case departures
        /// Joules that hosts have used since the step before.
        case energy
        /// Hosts that measure it.
        case energyMeters
    }

    private var fields = Array(repeating: 0.0, count: Field.allCases.count)
    private(set) var figures: FigureSums

    init(figures: FigureSums) { self.figures = figures }

    subscript(field: Field) -> Double {
        get { fields[field.rawValue] }
        set { fields[field.rawValue] = newValue }
    }

    /// What is summed over ranks.
    var numbers: [Double] {
        get { fields + figures.numbers }
        set {
            fields = Array(newValue.prefix(fields.count))
            figures.numbers = Array(newValue.dropFirst(fields.count))
        }
    }
}

/// What rank 0 makes of a step's reduced values.
struct StepDecision {
    var numbers: [Double]

    init(verdict: StepVerdict, gradientScale: Double, norm: Double) {
        numbers = [verdict == .apply ? 0 : verdict == .skip ? 1 : 2, gradientScale, norm]
    }

    var verdict: StepVerdict { numbers[0] == 0 ? .apply : numbers[0] == 1 ? .skip : .stop }
    /// Factor on the summed gradients: unscaling, division by the targets, clipping.
    var gradientScale: Double {
        get { numbers[1] }
        set { numbers[1] = newValue }
    }
    var norm: Double { numbers[2] }
}
