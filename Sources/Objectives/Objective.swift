package import Autograd
package import Models

/// What is minimised, and on what batches. One file an objective, one line in `ObjectiveCatalog`.
///
/// The step knows nothing else of what it trains: it adds up losses, sums gradients over ranks,
/// divides, clips and updates.
package protocol Objective<Batch>: AnyObject, SendableMetatype {
    /// A micro-batch.
    associatedtype Batch: StepBatch

    /// Names of the numbers that ``measure(_:in:)`` gives, the same on every rank; empty where a loss
    /// needs none, nor a table of samples.
    var measureNames: [String] { get }

    /// Names of the figures that losses carry, the same on every rank and in every step.
    var figureNames: [String] { get }

    /// Names of the figures of ``evaluate(_:in:)``.
    var evaluationFigureNames: [String] { get }

    /// Where the loss is several means, each with its own divisor: the figures that they are, so that the
    /// loss of held-out samples is the same however they are batched. Empty where it is one.
    var lossParts: [LossPart] { get }

    /// Whether the loss of held-out samples is a cross-entropy of tokens, whose exponential is a perplexity.
    var isCrossEntropy: Bool { get }

    /// Whether figures of held-out samples need each one's ``ObjectiveLoss/outputs``.
    var keepsRows: Bool { get }

    /// Whether the loss of equally used experts is part of it, where the model asks for that.
    var balancesExperts: Bool { get }

    /// Whether elements are dropped in training, where the model says so.
    var usesDropout: Bool { get }

    /// Whether the loss of held-out batches is given ``measure(_:in:)`` of all of them.
    var measuresHeldOut: Bool { get }

    /// What the next steps need to know of those that were made; kept in checkpoints.
    var memory: [Double] { get set }

    /// A step was made, and the parameters are others.
    func stepEnded(given measures: Measures)

    /// Numbers that need the whole step's batches before any backward pass, of this rank's: the loop
    /// sums them over ranks, and gathers those of single samples.
    func measure(_ batches: [Batch], in pass: MeasuringPass) -> Measures

    /// The summed loss of a micro-batch, what it is divided by, and figures for the log.
    ///
    /// A further loss with a divisor of its own gets that by its rows' weights: the first one's
    /// measured divisor over its own.
    /// - Parameter measures: of all ranks' batches of the step.
    func loss(_ batch: Batch, given measures: Measures, in pass: ForwardPass) -> ObjectiveLoss

    /// The loss of a held-out batch; nothing is recorded.
    func evaluate(_ batch: Batch, in pass: ForwardPass) -> ObjectiveLoss

    /// The same where ``measuresHeldOut``.
    /// - Parameter measures: of all ranks' held-out batches.
    func evaluate(
        _ batch: Batch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss

    /// Floating-point operations of forward and backward for a token in sequences of `length`.
    func operationsPerToken(length: Int) -> Double

    /// Sequences that a sample is: two of a pair of answers.
    var sequencesOfSample: Int { get }

    /// A batch of random tokens, for measurements.
    func randomBatch(rows: Int, columns: Int, seed: UInt64) -> Batch
}

extension Objective {
    package var measureNames: [String] { [] }
    package var figureNames: [String] { [] }
    package var evaluationFigureNames: [String] { figureNames }
    package var isCrossEntropy: Bool { false }
    package var sequencesOfSample: Int { 1 }
    package var keepsRows: Bool { false }
    package var lossParts: [LossPart] { [] }
    package var balancesExperts: Bool { false }
    package var usesDropout: Bool { true }
    package var measuresHeldOut: Bool { false }
    package var memory: [Double] {
        get { [] }
        set {}
    }
    package func stepEnded(given measures: Measures) {}
    package func measure(_ batches: [Batch], in pass: MeasuringPass) -> Measures { Measures([]) }
    package func evaluate(
        _ batch: Batch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        evaluate(batch, in: pass)
    }
    package func evaluate(_ batch: Batch, in pass: ForwardPass) -> ObjectiveLoss {
        loss(batch, given: measure([batch], in: { _ in pass }), in: pass)
    }
}

extension Objective {
    /// A line for the user where a model asks for the loss of equally used experts and does not get it.
    package func balanceNote(_ model: ModelDescription) -> String? {
        guard let coefficient = model.expertBalance, coefficient != 0, !balancesExperts else {
            return nil
        }
        return
            "the model's config.json asks for the loss of equally used experts (output_router_logits, "
            + "router_aux_loss_coef \(coefficient)), which is part of stages pt and sft, but not of this "
            + "run's loss"
    }
}

/// Makes a pass over some sequences, without record, that drops what the loss's own pass over them will
/// drop.
package typealias MeasuringPass = (_ sampleIDs: [UInt64]) -> ForwardPass

/// A figure that a loss is the sum of, with others.
package struct LossPart: Sendable, Equatable {
    package let figure: String
    package let weight: Double

    package init(_ figure: String, weight: Double = 1) {
        self.figure = figure
        self.weight = weight
    }
}

/// A micro-batch of some rows.
package protocol StepBatch: Sendable {
    /// What gradients can be summed one by one: samples, pairs.
    var rows: Int { get }
    /// Ids, without what fills rows up.
    var tokenCount: Int { get }
    /// Each sequence's position in the run's order: what random masks depend on.
    var sampleIDs: [UInt64] { get }
    /// One row as a batch of its own.
    func row(_ row: Int) -> Self
}

/// What the model makes of a held-out sample.
package struct HeldOutRow: Sendable, Equatable {
    /// Its place among those that are held out.
    package let number: Int
    /// Scores, or the likeliest labels.
    package let values: [Float]

    package init(number: Int, values: [Float]) {
        self.number = number
        self.values = values
    }
}

/// What a micro-batch's loss came to.
package struct ObjectiveLoss {
    /// Where backward begins, and its sum.
    package var loss: Loss
    /// What the sum over all ranks is divided by.
    package var divisor: Double
    package var figures: FigureSums
    /// Of held-out samples: what each came to, where figures need all of them at once.
    package var outputs: [HeldOutRow] = []

    /// - Parameter divisor: the loss's targets where it is not given.
    package init(_ loss: Loss, divisor: Double? = nil, figures: FigureSums = FigureSums([])) {
        self.loss = loss
        self.divisor = divisor ?? Double(loss.targets)
        self.figures = figures
    }
}
