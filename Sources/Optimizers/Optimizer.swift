package import Autograd
package import Kernels

/// Moves the masters by their gradients, and keeps the state of the ranges that it owns.
package final class Optimizer {
    package let rule: any OptimizerRule
    /// Updates made so far.
    package private(set) var steps = 0
    private let store: ParameterStore
    private let workspace: Workspace
    private let ranges: [Range<Int>]
    private let rateFactor: (Parameter) -> Double
    /// What is updated here, with the place of its state.
    private var pieces: [Piece] = []
    /// The number of a parameter's first piece.
    private var pieceOf: [ObjectIdentifier: Int] = [:]
    /// The rule's elementwise arrays of this rank's ranges.
    private var elementwise: [Buffer] = []
    /// Updates made before what is trained now had its turn.
    private var stepsBefore = 0

    /// A stretch of one parameter in the flat arrays.
    private struct Piece {
        let parameter: Parameter
        let range: Range<Int>
        /// Where the parameter begins in the flat arrays.
        let offset: Int
        /// Elements before it in the elementwise arrays.
        let moments: Int
        let rateFactor: Float
        let own: [Buffer]
    }

    /// Where a rank that updates `ranges` keeps what is elementwise: stretches of one parameter each, in order.
    package static func momentLayout(
        of ranges: [Range<Int>], in store: ParameterStore
    ) -> [(range: Range<Int>, moments: Int, parameter: Parameter)] {
        var places: [(range: Range<Int>, moments: Int, parameter: Parameter)] = []
        var count = 0
        for range in ranges {
            for slot in store.slots {
                let part = slot.range.clamped(to: range)
                guard !part.isEmpty else { continue }
                places.append((part, count, slot.parameter))
                count += part.count
            }
        }
        return places
    }

    /// - Parameters:
    ///   - ranges: the elements of the flat arrays that this rank updates.
    ///   - rateFactor: a parameter's learning rate over the run's.
    package init(
        _ rule: any OptimizerRule, store: ParameterStore, ranges: [Range<Int>],
        in workspace: Workspace, rateFactor: @escaping (Parameter) -> Double = { _ in 1 }
    ) {
        self.rule = rule
        self.store = store
        self.ranges = ranges
        self.workspace = workspace
        self.rateFactor = rateFactor
        takeTurn(of: 1)
        makeState()
    }

    /// To be called before the gradients of a step: what has its turn gets gradients and new state.
    package func beginStep() {
        if takeTurn(of: steps + 1) { makeState() }
    }

    /// Gives gradients to what is trained in a step, from 1. Returns whether that is something else than
    /// before.
    @discardableResult
    private func takeTurn(of step: Int) -> Bool {
        guard let blocks = rule.blocks else { return false }
        let before = store.active
        store.activate(blocks.block(of: step))
        let began = blocks.stepsBefore(step)
        defer { stepsBefore = began }
        return store.active != before || began != stepsBefore
    }

    /// Zeros for all that the rule keeps of what is trained now.
    private func makeState() {
        let offsets = Dictionary(
            uniqueKeysWithValues: store.slots.map { (ObjectIdentifier($0.parameter), $0.offset) })
        let active = ranges.map { $0.clamped(to: store.active) }.filter { !$0.isEmpty }
        pieces = Self.momentLayout(of: active, in: store).map { range, moments, parameter in
            let own = rule.ownState(of: parameter)
            precondition(
                own.isEmpty && !rule.needsWholeParameters || range.count == parameter.count,
                "\(rule.name): \(range.count) of \(parameter.count) elements of \(parameter.name)")
            return Piece(
                parameter: parameter, range: range,
                offset: offsets[ObjectIdentifier(parameter)] ?? 0, moments: moments,
                rateFactor: Float(rateFactor(parameter)),
                own: own.map { workspace.zeros($0.shape.count, .float32) })
        }
        pieceOf = Dictionary(
            pieces.enumerated().map { (ObjectIdentifier($1.parameter), $0) },
            uniquingKeysWith: { first, _ in first })
        let count = pieces.reduce(0) { $0 + $1.range.count }
        elementwise = rule.elementwiseState.map { _ in workspace.zeros(count, .float32) }
    }

    /// Bytes of optimizer state on this rank.
    package var stateBytes: Int {
        let count = pieces.reduce(0) { $0 + $1.range.count }
        let own = pieces.reduce(0) { sum, piece in
            sum + rule.ownState(of: piece.parameter).reduce(0) { $0 + $1.shape.count }
        }
        return 4 * (count * elementwise.count + own)
    }

    /// Makes one update.
    ///
    /// - Parameters:
    ///   - learningRate: of this step.
    ///   - gradientScale: factor on all gradients: unscaling, division by the targets, clipping.
    package func update(learningRate: Double, gradientScale: Double) {
        guard let gradients = store.gradients else { return }
        steps += 1
        for piece in pieces {
            let start = piece.range.lowerBound
            let weights: UpdatePart.Weights
            if let split = store.splitMasters {
                weights = .split(split.advanced(by: start))
            } else if let masters = store.masters {
                weights = .whole(
                    masters.advanced(by: start), copies: store.copies?.advanced(by: start))
            } else {
                continue
            }
            rule.update(
                UpdatePart(
                    parameter: piece.parameter,
                    range: start - piece.offset..<piece.range.upperBound - piece.offset,
                    weights: weights, gradients: gradients.advanced(by: start),
                    elementwise: elementwise.map { $0.advanced(by: piece.moments) },
                    own: piece.own, learningRate: Float(learningRate) * piece.rateFactor,
                    weightDecay: piece.parameter.decays ? Float(rule.weightDecay) : 0,
                    gradientScale: Float(gradientScale), step: steps - stepsBefore),
                in: workspace)
        }
        store.refreshSmallValues()
    }

    /// Sets how many updates have been made, from a checkpoint, before what it holds is restored.
    package func restore(steps: Int) {
        self.steps = steps
        if takeTurn(of: max(steps, 1)) { makeState() }
    }
}

// MARK: State on its way to and from checkpoints

extension Optimizer {
    /// What this rank keeps of an elementwise array, laid out as ``momentLayout(of:in:)`` says.
    package func memory(of name: String) -> Buffer? {
        rule.elementwiseState.firstIndex(of: name).map { elementwise[$0] }
    }

    /// Copies what this rank keeps of an elementwise array in a range of the flat arrays. `y` begins
    /// where the range does; the rest of it stays as it is.
    package func copy(_ name: String, in range: Range<Int>, into y: Buffer) {
        guard let kept = memory(of: name) else { return }
        for piece in pieces {
            let part = piece.range.clamped(to: range)
            guard !part.isEmpty else { continue }
            workspace.convert(
                kept.advanced(by: piece.moments + part.lowerBound - piece.range.lowerBound),
                to: y.advanced(by: part.lowerBound - range.lowerBound), count: part.count)
        }
    }

    /// Takes this rank's part of an elementwise array out of a flat one.
    package func restore(_ name: String, from flat: Buffer) {
        guard let kept = memory(of: name) else { return }
        for piece in pieces {
            workspace.convert(
                flat.advanced(by: piece.range.lowerBound),
                to: kept.advanced(by: piece.moments), count: piece.range.count)
        }
    }

    /// Arrays of a shape of their own, of all parameters in the order of the flat arrays: the same on
    /// every rank.
    package var ownArrays: [(parameter: Parameter, array: StateArray)] {
        store.activeSlots.flatMap { slot in
            rule.ownState(of: slot.parameter).map { (slot.parameter, $0) }
        }
    }

    /// Copies one of ``ownArrays`` into `y`, zeros where another rank keeps it.
    package func copyOwn(_ array: StateArray, of parameter: Parameter, into y: Buffer) {
        if let kept = own(array, of: parameter) {
            workspace.convert(kept, to: y, count: array.shape.count)
        } else {
            workspace.clear(y, count: array.shape.count)
        }
    }

    /// Takes one of ``ownArrays`` from `x` if this rank keeps it.
    package func restoreOwn(_ array: StateArray, of parameter: Parameter, from x: Buffer) {
        guard let kept = own(array, of: parameter) else { return }
        workspace.convert(x, to: kept, count: array.shape.count)
    }

    private func own(_ array: StateArray, of parameter: Parameter) -> Buffer? {
        guard let place = rule.ownState(of: parameter).firstIndex(of: array),
            let piece = pieceOf[ObjectIdentifier(parameter)]
        else { return nil }
        return pieces[piece].own[place]
    }
}
