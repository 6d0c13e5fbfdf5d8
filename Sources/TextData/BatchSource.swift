package import Datasets

/// This rank's micro-batches, step after step; resumable by position.
package protocol BatchSource: AnyObject {
    associatedtype Batch: Sendable

    /// Samples consumed, over all ranks, by the steps handed out: where a resumed run starts.
    var position: Int { get }
    /// The rows behind the steps handed out, where they are read as they are needed.
    var rows: RowsRead? { get }
    /// Where this rank's time of the last step went before its first pass, by name; empty where nothing is
    /// done but reading.
    var seconds: [(name: String, value: Double)] { get }
    /// The micro-batches of the next step. Asked for as the step begins, so that a source may use the model
    /// with its weights of then; every rank asks, so that it may communicate.
    func next() throws(CorpusError) -> [Batch]
    /// Ends what works ahead.
    func stop()
}

extension BatchSource {
    package var rows: RowsRead? { nil }
    package var seconds: [(name: String, value: Double)] { [] }
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
