package import Datasets

/// This rank's micro-batches, step after step; resumable by position.
package protocol BatchSource: AnyObject {
    associatedtype Batch: Sendable

    /// Samples consumed, over all ranks, by the steps handed out: where a resumed run starts.
    var position: Int { get }
    /// The rows behind the steps handed out, where they are read as they are needed.
    var rows: RowsRead? { get }
    /// The micro-batches of the next step.
    func next() throws(CorpusError) -> [Batch]
    /// Ends what works ahead.
    func stop()
}

extension BatchSource {
    package var rows: RowsRead? { nil }
}

/// This rank's held-out batches, the same at every evaluation.
package protocol HeldOutBatches: Sendable {
    associatedtype Batch: Sendable

    /// Batches of each rank.
    var count: Int { get }
    func batch(_ number: Int) throws(CorpusError) -> Batch
}

/// How far a stream of instructions has been read.
package struct RowsRead: Sendable {
    package var position: InstructionStream.Position
    package var report: InstructionReport
}
