import Templates

/// Makes batches of instructions in the order of their stream.
///
/// Which rows can be used is known only once they are encoded, so every rank encodes all rows and
/// keeps its own: that takes far less time than the step. Used by the prefetch thread only, hence
/// unchecked.
final class InstructionBatchMaker: @unchecked Sendable {
    private var instructions: InstructionStream
    private let partition: BatchPartition
    private var position: Int
    private let longest: Int

    init(
        _ instructions: InstructionStream, _ partition: BatchPartition, _ position: Int,
        longest: Int
    ) {
        self.instructions = instructions
        self.partition = partition
        self.position = position
        self.longest = longest
    }

    /// The next step of this rank.
    func next() throws(CorpusError) -> BatchStream.Step {
        let own = partition.samplesPerRank
        let first = partition.rank * own
        var examples: [TokenizedExample] = []
        for number in 0..<partition.globalBatch {
            let example: TokenizedExample
            do {
                example = try instructions.nextExample()
            } catch {
                throw .instructions(error)
            }
            if (first..<first + own).contains(number) { examples.append(example) }
        }
        let source = ExampleSamples(examples, longest: longest)
        let rows = partition.samplesPerMicroBatch
        var batches: [TokenBatch] = []
        for start in stride(from: 0, to: own, by: rows) {
            var batch: TokenBatch?
            try batch.fill(
                (start..<start + rows).map { $0 }, of: source,
                ids: (start..<start + rows).map { UInt64(position + first + $0) })
            if let batch { batches.append(batch) }
        }
        position += partition.globalBatch
        return BatchStream.Step(
            batches: batches,
            rows: RowsRead(position: instructions.position, report: instructions.report))
    }
}
