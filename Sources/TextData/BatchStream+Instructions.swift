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
        let own = partition.batches(ofStepAt: position)
        let first = own[0].lowerBound
        let last = own[own.count - 1].upperBound
        var examples: [TokenizedExample] = []
        for place in position..<position + partition.globalBatch {
            let example: TokenizedExample
            do {
                example = try instructions.nextExample()
            } catch {
                throw .instructions(error)
            }
            if (first..<last).contains(place) { examples.append(example) }
        }
        let source = ExampleSamples(examples, longest: longest)
        var batches: [TokenBatch] = []
        for places in own {
            var batch: TokenBatch?
            try batch.fill(places.map { $0 - first }, of: source, ids: places.map(UInt64.init))
            if let batch { batches.append(batch) }
        }
        position += partition.globalBatch
        return BatchStream.Step(
            batches: batches,
            rows: RowsRead(position: instructions.position, report: instructions.report))
    }
}
