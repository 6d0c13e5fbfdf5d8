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
    package let masters: Buffer?
    package let gradients: Buffer?
    /// The masters in the compute type, where that is not float32.
    package let copies: Buffer?
    package let computeType: ElementType
    package let workspace: Workspace
    private static let alignment = 32

    /// Gives every parameter its memory, its numbers undefined; quantized ones have theirs already.
    /// - Parameter training: whether trainable parameters get masters and gradients.
    package init(
        _ parameters: [Parameter], computeType: ElementType, training: Bool, in workspace: Workspace
    ) {
        self.parameters = parameters
        self.computeType = computeType
        self.workspace = workspace
        var slots: [Slot] = []
        var end = 0
        for parameter in parameters.reversed() where training && parameter.isTrainable {
            slots.append(Slot(parameter: parameter, offset: end))
            end += (parameter.count + Self.alignment - 1) / Self.alignment * Self.alignment
        }
        self.slots = slots
        count = end
        let narrow = computeType != .float32
        masters = end > 0 ? workspace.zeros(end, .float32) : nil
        gradients = end > 0 ? workspace.zeros(end, .float32) : nil
        copies = end > 0 && narrow ? workspace.zeros(end, computeType) : nil
        for slot in slots {
            let master = masters?.advanced(by: slot.offset)
            slot.parameter.master = master
            slot.parameter.gradient = gradients?.advanced(by: slot.offset)
            let copy = slot.parameter.decays ? copies?.advanced(by: slot.offset) : nil
            if let value = copy ?? master { slot.parameter.value = value }
        }
        for parameter in parameters where !(training && parameter.isTrainable) {
            parameter.master = nil
            parameter.gradient = nil
            guard parameter.quantized == nil else { continue }
            parameter.value = workspace.buffer(
                parameter.count, parameter.valueType(computeType))
        }
    }

    /// Draws every parameter's first numbers.
    package func initialize(seed: UInt64) {
        for parameter in parameters { workspace.initialize(parameter, seed: seed) }
    }

    /// Sets all gradients to zero.
    package func clearGradients() {
        guard let gradients else { return }
        workspace.clear(gradients, count: count)
    }

    /// Makes the copies equal to the masters again.
    package func refreshCopies() {
        guard let masters, let copies else { return }
        workspace.convert(masters, to: copies, count: count)
    }

    /// Trainable numbers.
    package var trainableCount: Int { slots.reduce(0) { $0 + $1.parameter.count } }

    /// All numbers.
    package var parameterCount: Int { parameters.reduce(0) { $0 + $1.count } }

    /// The first parameter, in the order of the model, whose gradient holds an infinity or NaN.
    package func firstNonFiniteGradient() -> Parameter? {
        parameters.first { parameter in
            guard let gradient = parameter.gradient else { return false }
            return !workspace.allFinite(gradient, count: parameter.count)
                || parameter.rowGradients?.isFinite(in: workspace) == false
        }
    }
}
