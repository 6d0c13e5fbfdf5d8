package import Kernels

/// The memory of a model's parameters.
///
/// Trainable ones lie in flat arrays in the order in which backward finishes with them (last layer
/// first), so that a bucket of gradients, and a rank's share of optimizer state, is one range.
package final class ParameterStore {
    /// A parameter's place in the flat arrays.
    package struct Slot {
        package let parameter: Parameter
        /// Elements before it.
        package let offset: Int
        package var range: Range<Int> { offset..<offset + parameter.count }
    }

    /// All parameters, in the order of the model.
    package let parameters: [Parameter]
    /// The trainable ones, in the order of the flat arrays.
    package let slots: [Slot]
    /// Elements of a flat array, padding included (it stays zero).
    package let count: Int
    /// Flat float32 arrays; `nil` where nothing is trainable.
    /// The gradients' memory, of which parts may only count as zero (see ``settleGradients(in:)``).
    /// Only what lies in ``active`` is there.
    package private(set) var gradientMemory: Buffer?
    /// Stretches of the flat arrays that are trained in turn; all of them where they are trained at once.
    package let turns: [Range<Int>]
    /// The one that has gradients now.
    package private(set) var active: Range<Int>
    private let gradientRoom: Buffer?
    /// `nil` where they are split, too.
    package let masters: Buffer?
    /// The masters in the compute type, where that is not float32 and they are not split.
    package let copies: Buffer?
    /// The masters in halves: four bytes a weight where masters and copies take six.
    package let splitMasters: SplitNumbers?
    package let computeType: ElementType
    package let workspace: Workspace
    private static let alignment = 32

    /// The numbers of the flat arrays that belong to a parameter of so many.
    private static func padded(_ count: Int) -> Int {
        (count + alignment - 1) / alignment * alignment
    }

    /// Gives every parameter its memory, its numbers undefined; quantized ones have theirs already.
    ///
    /// - Parameters:
    ///   - training: whether trainable parameters get masters and gradients.
    ///   - splits: whether masters are kept in halves where the compute type is bfloat16. Matrices
    ///     are then read whole by lookups of their rows alone.
    ///   - turns: names of parameters that are trained in turn, each time as neighbours in the model;
    ///     none where all are trained at once.
    package init(
        _ parameters: [Parameter], computeType: ElementType, training: Bool,
        splits: Bool = false, turns: [Set<String>] = [], in workspace: Workspace
    ) {
        self.parameters = parameters
        self.computeType = computeType
        self.workspace = workspace
        var slots: [Slot] = []
        var end = 0
        for parameter in parameters.reversed() where training && parameter.isTrainable {
            slots.append(Slot(parameter: parameter, offset: end))
            end += Self.padded(parameter.count)
        }
        self.slots = slots
        count = end
        let turns = Self.turns(turns, slots, count: end)
        self.turns = turns
        active = 0..<0
        let isSplit = splits && computeType == .bfloat16
        let hasCopies = computeType != .float32 && !isSplit
        let longest = turns.map(\.count).max() ?? 0
        gradientRoom = longest > 0 ? workspace.zeros(longest, .float32) : nil
        masters = end > 0 && !isSplit ? workspace.zeros(end, .float32) : nil
        copies = end > 0 && hasCopies ? workspace.zeros(end, computeType) : nil
        splitMasters = end > 0 && isSplit ? workspace.splitZeros(end) : nil
        for slot in slots {
            let parameter = slot.parameter
            let master = masters?.advanced(by: slot.offset)
            parameter.master = master
            parameter.split = splitMasters?.advanced(by: slot.offset)
            let copy =
                parameter.isMatrix
                ? copies?.advanced(by: slot.offset) ?? parameter.split?.rounded : nil
            parameter.value = copy ?? master ?? workspace.zeros(parameter.count, .float32)
        }
        activate(0)
        for parameter in parameters where !(training && parameter.isTrainable) {
            parameter.master = nil
            parameter.split = nil
            parameter.gradient = nil
            guard parameter.quantized == nil else { continue }
            if let lender = parameter.lender {
                parameter.value = lender.value
                continue
            }
            parameter.value = workspace.buffer(
                parameter.count, parameter.valueType(computeType))
        }
    }

    private static func turns(
        _ names: [Set<String>], _ slots: [Slot], count: Int
    ) -> [Range<Int>] {
        guard !names.isEmpty else { return [0..<count] }
        return names.map { names in
            let members = slots.indices.filter { names.contains(slots[$0].parameter.name) }
            guard let first = members.first, let last = members.last else { return 0..<0 }
            precondition(
                last - first + 1 == members.count,
                "a turn of \(members.count) parameters that are no neighbours")
            let end = last + 1 < slots.count ? slots[last + 1].offset : count
            return slots[first].offset..<end
        }
    }

    /// Gives one of ``turns`` the gradients' memory, which then counts as zero.
    package func activate(_ turn: Int) {
        let range = turns[turn]
        guard range != active, let gradientRoom else { return }
        active = range
        if gradientMemory != nil { gradientRoom.clear(count: range.count) }
        // Addressed as if it were there from the beginning of the flat arrays on.
        gradientMemory = gradientRoom.advanced(by: -range.lowerBound)
        for slot in slots {
            let isActive = range.contains(slot.offset)
            slot.parameter.gradient =
                isActive ? gradientMemory?.advanced(by: slot.offset) : nil
        }
    }

    /// The parameters that have gradients now.
    package var activeSlots: [Slot] { slots.filter { active.contains($0.offset) } }

    /// Draws every parameter's first numbers.
    package func initialize(seed: UInt64) {
        for parameter in parameters { workspace.initialize(parameter, seed: seed) }
    }

    /// Flat float32 gradients; `nil` where nothing is trainable.
    package var gradients: Buffer? {
        settleGradients(in: 0..<count)
        return gradientMemory
    }

    /// Sets all gradients to zero, as far as anyone sees: their memory is cleared, or written over,
    /// when it is next used.
    package func clearGradients() {
        for slot in slots { slot.parameter.dropGradient() }
    }

    /// Clears the memory of the gradients in a range of the flat array that no op has touched since
    /// ``clearGradients()``.
    package func settleGradients(in range: Range<Int>) {
        for slot in slots where slot.range.overlaps(range) {
            slot.parameter.settleGradient(in: workspace)
        }
    }

    /// Lends memory of gradients that only count as zero, for float32 numbers that need not last.
    ///
    /// - Parameters:
    ///   - count: how many numbers are wanted.
    ///   - written: those whose gradients `body` writes.
    ///   - body: gets the longest stretch there is, with how many numbers it has, at most `count`.
    func withSpareGradients<Result>(
        _ count: Int, apartFrom written: [Parameter], _ body: (Buffer, Int) -> Result
    ) -> Result? {
        var (best, current) = (0..<0, 0..<0)
        for slot in slots {
            let isSpare =
                slot.parameter.gradientIsStale && !written.contains { $0 === slot.parameter }
            let end = slot.offset + Self.padded(slot.parameter.count)
            current = isSpare ? (current.isEmpty ? slot.offset : current.lowerBound)..<end : 0..<0
            if current.count > best.count { best = current }
        }
        guard let gradientMemory, !best.isEmpty else { return nil }
        let range = best.prefix(count)
        defer {
            // What lies between parameters is zero at all times.
            for slot in slots where range.overlaps(slot.range) {
                let end = slot.offset + Self.padded(slot.parameter.count)
                gradientMemory.advanced(by: slot.range.upperBound).clear(
                    count: end - slot.range.upperBound)
            }
        }
        return body(gradientMemory.advanced(by: range.lowerBound), range.count)
    }

    /// The arrays that together hold the masters.
    package var masterArrays: [Buffer] { splitMasters?.arrays ?? masters.map { [$0] } ?? [] }

    /// Σ w² over the masters.
    package func sumOfSquares() -> Double {
        if let splitMasters { return workspace.sumOfSquares(splitMasters, count: count) }
        return masters.map { workspace.sumOfSquares($0, count: count) } ?? 0
    }

    /// Makes all that kernels read equal to the masters again.
    package func refreshCopies() {
        refreshSmallValues()
        guard let masters, let copies else { return }
        workspace.convert(masters, to: copies, count: count)
    }

    /// Makes norms and biases, which kernels read in float32, equal to split masters again.
    package func refreshSmallValues() {
        for slot in slots {
            guard let split = slot.parameter.split, !slot.parameter.isMatrix else { continue }
            workspace.join(split, into: slot.parameter.value, count: slot.parameter.count)
        }
    }

    /// The numbers of norms and biases, one after the other.
    package var smallCount: Int {
        slots.reduce(0) { $0 + ($1.parameter.isMatrix ? 0 : $1.parameter.count) }
    }

    /// Fills `y` (``smallCount`` float32) with norms and biases of split masters as far as they lie in
    /// `ranges` of the flat arrays, and with zeros.
    package func joinSmallValues(in ranges: [Range<Int>], into y: Buffer) {
        workspace.clear(y, count: smallCount)
        guard let splitMasters else { return }
        forEachSmallSlot { slot, place in
            for range in ranges {
                let part = slot.range.clamped(to: range)
                guard !part.isEmpty else { continue }
                workspace.join(
                    splitMasters.advanced(by: part.lowerBound),
                    into: y.advanced(by: place + part.lowerBound - slot.offset),
                    count: part.count)
            }
        }
    }

    /// Takes norms and biases as kernels read them from `x` (``smallCount`` float32).
    package func takeSmallValues(_ x: Buffer) {
        forEachSmallSlot { slot, place in
            workspace.convert(
                x.advanced(by: place), to: slot.parameter.value, count: slot.parameter.count)
        }
    }

    private func forEachSmallSlot(_ body: (_ slot: Slot, _ place: Int) -> Void) {
        var place = 0
        for slot in slots where !slot.parameter.isMatrix {
            body(slot, place)
            place += slot.parameter.count
        }
    }

    /// Trainable numbers.
    package var trainableCount: Int { slots.reduce(0) { $0 + $1.parameter.count } }

    /// The first parameter, in the order of the model, whose gradient holds an infinity or NaN.
    package func firstNonFiniteGradient() -> Parameter? {
        parameters.first { parameter in
            guard let gradient = parameter.gradient else { return false }
            return !workspace.allFinite(gradient, count: parameter.count)
                || parameter.rowGradients?.isFinite(in: workspace) == false
        }
    }
}
