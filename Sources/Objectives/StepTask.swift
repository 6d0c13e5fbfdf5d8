package import Autograd
package import TextData

/// The work of one step on this rank, without the type of its batches.
package protocol StepTask {
    var microBatches: Int { get }
    /// Ids of all micro-batches.
    var tokens: Int { get }
    var measureNames: [String] { get }
    var figureNames: [String] { get }
    /// As of the objective.
    var usesDropout: Bool { get }

    /// Rows of a micro-batch.
    func rows(of microBatch: Int) -> Int
    func sampleIDs(of part: StepPart) -> [UInt64]
    /// - Parameter rowByRow: whether the loss is computed of each row by itself.
    func measure(rowByRow: Bool, in pass: MeasuringPass) -> Measures
    func loss(of part: StepPart, given measures: Measures, in pass: ForwardPass) -> ObjectiveLoss
    /// As of the objective.
    func stepEnded(given measures: Measures)
}

/// A micro-batch, or one row of it.
package struct StepPart: Sendable {
    package let microBatch: Int
    package let row: Int?

    package init(microBatch: Int, row: Int? = nil) {
        self.microBatch = microBatch
        self.row = row
    }
}

/// An objective's micro-batches of one step.
package struct ObjectiveStep<O: Objective>: StepTask {
    private let objective: O
    private let batches: [O.Batch]

    package init(_ objective: O, _ batches: [O.Batch]) {
        self.objective = objective
        self.batches = batches
    }

    package var microBatches: Int { batches.count }
    package var tokens: Int { batches.reduce(0) { $0 + $1.tokenCount } }
    package var measureNames: [String] { objective.measureNames }
    package var figureNames: [String] { objective.figureNames }
    package var usesDropout: Bool { objective.usesDropout }

    package func rows(of microBatch: Int) -> Int { batches[microBatch].rows }

    package func sampleIDs(of part: StepPart) -> [UInt64] { batch(part).sampleIDs }

    package func measure(rowByRow: Bool, in pass: MeasuringPass) -> Measures {
        let parts =
            rowByRow
            ? batches.flatMap { batch in (0..<batch.rows).map(batch.row) } : batches
        return objective.measure(parts, in: pass)
    }

    package func loss(
        of part: StepPart, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        objective.loss(batch(part), given: measures, in: pass)
    }

    package func stepEnded(given measures: Measures) { objective.stepEnded(given: measures) }

    private func batch(_ part: StepPart) -> O.Batch {
        let batch = batches[part.microBatch]
        return part.row.map(batch.row) ?? batch
    }
}

extension Objective {
    /// A step of random tokens, for measurements.
    /// - Parameter seeds: one for each micro-batch.
    package func randomStep(rows: Int, columns: Int, seeds: [UInt64]) -> any StepTask {
        ObjectiveStep(self, seeds.map { randomBatch(rows: rows, columns: columns, seed: $0) })
    }

    /// The steps that a source of its batches gives.
    package func steps<S: BatchSource>(from source: S) -> any StepSource where S.Batch == Batch {
        ObjectiveSteps(objective: self, source: source)
    }

    /// The held-out batches of a source.
    package func trials<S: HeldOutBatches>(of source: S) -> any Trials where S.Batch == Batch {
        ObjectiveTrials(objective: self, source: source)
    }
}

/// Where a run's steps come from; resumable by position.
package protocol StepSource: AnyObject {
    /// Samples consumed, over all ranks, by the steps handed out.
    var position: Int { get }
    /// The rows behind the steps handed out, where they are read as they are needed.
    var rows: RowsRead? { get }
    /// As of the source.
    var seconds: [(name: String, value: Double)] { get }
    /// This rank's part of the next step.
    func next() throws(CorpusError) -> any StepTask
    func stop()
}

private final class ObjectiveSteps<O: Objective, S: BatchSource>: StepSource
where S.Batch == O.Batch {
    private let objective: O
    private let source: S

    init(objective: O, source: S) {
        self.objective = objective
        self.source = source
    }

    var position: Int { source.position }
    var rows: RowsRead? { source.rows }
    var seconds: [(name: String, value: Double)] { source.seconds }
    func next() throws(CorpusError) -> any StepTask { ObjectiveStep(objective, try source.next()) }
    func stop() { source.stop() }
}

/// This rank's held-out batches under an objective.
package protocol Trials {
    var count: Int { get }
    var figureNames: [String] { get }
    /// As of the objective.
    var lossParts: [LossPart] { get }
    /// As of the objective.
    var isCrossEntropy: Bool { get }
    /// Whether figures need every sample's ``ObjectiveLoss/outputs`` at once.
    var keepsRows: Bool { get }
    /// Names of what ``measure(_:in:)`` gives; empty where losses need nothing of all batches.
    var measureNames: [String] { get }
    func measure(_ number: Int, in pass: ForwardPass) throws(CorpusError) -> Measures
    /// - Parameter measures: of all ranks' batches.
    func loss(
        of number: Int, given measures: Measures, in pass: ForwardPass
    ) throws(CorpusError) -> ObjectiveLoss
}

private struct ObjectiveTrials<O: Objective, S: HeldOutBatches>: Trials where S.Batch == O.Batch {
    let objective: O
    let source: S

    var count: Int { source.count }
    var figureNames: [String] { objective.evaluationFigureNames }
    var lossParts: [LossPart] { objective.lossParts }
    var isCrossEntropy: Bool { objective.isCrossEntropy }
    var keepsRows: Bool { objective.keepsRows }

    var measureNames: [String] { objective.measuresHeldOut ? objective.measureNames : [] }

    func measure(_ number: Int, in pass: ForwardPass) throws(CorpusError) -> Measures {
        objective.measure([try source.batch(number)], in: { _ in pass })
    }

    func loss(
        of number: Int, given measures: Measures, in pass: ForwardPass
    ) throws(CorpusError) -> ObjectiveLoss {
        let batch = try source.batch(number)
        guard objective.measuresHeldOut else { return objective.evaluate(batch, in: pass) }
        return objective.evaluate(batch, given: measures, in: pass)
    }
}
