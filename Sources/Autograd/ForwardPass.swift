package import Kernels

/// What of a pass's activations is not kept but computed again in backward.
package enum Recomputing: Sendable {
    /// All is kept.
    case nothing
    /// The outputs of norms and activations, and one block of so many.
    case cheap(blockOf: Int)
    /// All within blocks.
    case blocks
}

/// One walk through a model: what it works with, whether it is recorded, and its random masks.
package final class ForwardPass {
    package let workspace: Workspace
    /// The type of operands and activations.
    package let computeType: ElementType
    /// Where ops are recorded; `nil` in passes without backward.
    package let tape: Tape?
    /// Factor on the gradient of the summed loss; 1 unless a loss scale applies.
    package let gradientScale: Float
    /// Whether adapters take part (a reference model is the same weights without them).
    package let appliesAdapters: Bool
    package let recomputing: Recomputing
    /// Blocks begun so far.
    private var blocks = 0
    /// Keys and values of earlier tokens, in generation.
    package let cache: KeyValueCache?
    /// Tokens of the whole text of which the pass computes a piece; `nil` where no more of it is known than the
    /// piece and what the cache holds.
    package var textLength: Int?
    /// Whose gradients' memory ops may use meanwhile, as far as it counts as zero; `nil` for none.
    let scratchGradients: ParameterStore?
    /// What routers note for the loss of equal use of experts; `nil` where there is none.
    package var expertBalance: ExpertBalance?
    private let dropout: DropoutSource?
    private var dropoutStreams = 0
    /// Rows of the batch that a layer works on, where it is not all of them.
    private var dropoutRows: (rows: [Int32], perSequence: Int)?
    /// Parameters met in a segment that will be run again, instead of a record.
    private(set) var parametersInSegment: [Parameter]?

    package init(
        workspace: Workspace, computeType: ElementType, tape: Tape? = nil, gradientScale: Float = 1,
        dropout: DropoutSource? = nil, recomputing: Recomputing = .nothing,
        appliesAdapters: Bool = true, cache: KeyValueCache? = nil, textLength: Int? = nil,
        scratchGradients: ParameterStore? = nil
    ) {
        self.workspace = workspace
        self.computeType = computeType
        self.tape = tape
        self.gradientScale = gradientScale
        self.dropout = dropout
        self.recomputing = recomputing
        self.appliesAdapters = appliesAdapters
        self.cache = cache
        self.textLength = textLength
        self.scratchGradients = scratchGradients
    }

    /// The same pass over a segment: on a tape of its own, or only noting parameters.
    init(segmentOf pass: ForwardPass, tape: Tape?, dropoutStreams: Int) {
        workspace = pass.workspace
        computeType = pass.computeType
        self.tape = tape
        gradientScale = pass.gradientScale
        appliesAdapters = pass.appliesAdapters
        recomputing = .nothing
        cache = nil
        scratchGradients = nil
        expertBalance = pass.expertBalance
        dropout = pass.dropout
        self.dropoutStreams = dropoutStreams
        parametersInSegment = tape == nil ? [] : nil
    }

    /// Whether the block that begins now runs again in backward.
    func recomputesNextBlock() -> Bool {
        defer { blocks += 1 }
        switch recomputing {
        case .nothing: return false
        case .cheap(let count): return blocks % count == count - 1
        case .blocks: return true
        }
    }

    package var isRecorded: Bool { tape != nil }

    /// Whether no backward will follow, not even after running a segment again.
    package var isInference: Bool { tape == nil && parametersInSegment == nil }

    /// Whether elements are dropped in this pass.
    var hasDropout: Bool { dropout != nil }

    /// α of the noise that is added to embeddings; 0 for none.
    var embeddingNoise: Float { dropout?.embeddingNoise ?? 0 }

    private func run<Op: DifferentiableOp>(
        _ op: Op, _ inputs: [Tensor]
    ) -> (output: Tensor, saved: Op.Saved) {
        guard let clock = workspace.clock, !(op is any RecomputedSegment) else {
            return op.forward(inputs, in: self)
        }
        let rows = inputs.first?.shape.rows ?? 0
        return clock.measure(
            op.label + " forward", operations: op.operations(rows: rows).forward,
            bytes: { inputs.reduce($0.output.bytes) { $0 + $1.bytes } },
            running: { op.forward(inputs, in: self) })
    }

    /// Runs an op, and records it if a gradient can flow through it.
    package func apply<Op: DifferentiableOp>(_ op: Op, to inputs: [Tensor]) -> Tensor {
        var (output, saved) = run(op, inputs)
        output.origin = nil
        if case .cheap = recomputing {
            output.recomputation = op.recomputation(saved, in: self).map(Recomputation.init)
        }
        if parametersInSegment != nil {
            precondition(
                inputs.allSatisfy { $0.origin == nil },
                "\(op.label): an input from outside; a block is given all that it reads")
            parametersInSegment?.append(contentsOf: op.parameters.filter(\.learns))
        }
        guard let tape else { return output }
        let learns = op.learns
        if learns || inputs.contains(where: { $0.origin != nil }) {
            output.origin = tape.record(op, saved: saved, inputs: inputs)
        }
        return output
    }

    /// Replays the pass backwards from a loss, or from several that were added up.
    /// - Parameter ready: told each parameter whose gradient this pass has completed.
    package func backward(from loss: Loss, ready: ((Parameter) -> Void)? = nil) {
        guard let tape else { preconditionFailure("backward of a pass that was not recorded") }
        tape.backward(from: loss.roots, in: workspace, ready: ready)
    }

    /// How many random masks have been drawn.
    var dropoutPosition: Int { dropoutStreams }

    /// Marks masks as drawn by a segment.
    func advanceDropout(to position: Int) { dropoutStreams = position }

    /// Masks that an expert can draw, so that they do not depend on which experts have tokens.
    private static let dropoutStreamsPerPart = 64

    /// Runs one of several parts of a layer, on some rows of the batch: masks are drawn by row.
    func withDropout(
        ofRows rows: [Int32], rowsPerSequence: Int, part: Int, _ body: () -> Tensor
    ) -> Tensor {
        let start = dropoutStreams
        dropoutStreams += part * Self.dropoutStreamsPerPart
        dropoutRows = (rows, rowsPerSequence)
        defer {
            dropoutStreams = start
            dropoutRows = nil
        }
        return body()
    }

    /// Marks the masks of all of a layer's parts as drawn.
    func skipDropout(parts: Int) { dropoutStreams += parts * Self.dropoutStreamsPerPart }

    /// The keys of the next random mask, one for each of `batch` sequences; `nil` where nothing is
    /// dropped.
    func nextDropoutKeys(batch: Int) -> [UInt64]? {
        guard let dropout else { return nil }
        if let (rows, perSequence) = dropoutRows {
            precondition(rows.count == batch, "dropout: \(rows.count) rows but \(batch) keys")
            dropoutStreams += 1
            return dropout.keys(stream: dropoutStreams, rows: rows, perSequence: perSequence)
        }
        precondition(
            dropout.sampleIDs.count == batch,
            "dropout: \(dropout.sampleIDs.count) sample numbers for \(batch) sequences")
        dropoutStreams += 1
        return dropout.keys(stream: dropoutStreams)
    }
}

/// Where dropout masks come from: the seed, the mask's place in the model, and each sequence's
/// number in the whole run. The rank never appears, so the masks do not depend on the rank count.
package struct DropoutSource: Sendable {
    package let seed: UInt64
    package let sampleIDs: [UInt64]
    /// NEFTune's α: how much noise embeddings get.
    package let embeddingNoise: Float

    /// - Parameters:
    ///   - seed: of the run.
    ///   - sampleIDs: one for each sequence of the batch.
    package init(seed: UInt64, sampleIDs: [UInt64], embeddingNoise: Float = 0) {
        self.seed = seed
        self.sampleIDs = sampleIDs
        self.embeddingNoise = embeddingNoise
    }

    func keys(stream: Int) -> [UInt64] {
        let key = RandomStream.mixed(seed, UInt64(stream))
        return sampleIDs.map { RandomStream.mixed(key, $0) }
    }

    /// One key for each of some rows, of which every sequence has `perSequence`.
    func keys(stream: Int, rows: [Int32], perSequence: Int) -> [UInt64] {
        let sequences = keys(stream: stream)
        return rows.map { row in
            let (sequence, place) = Int(row).quotientAndRemainder(dividingBy: perSequence)
            return RandomStream.mixed(sequences[sequence], UInt64(place))
        }
    }
}
