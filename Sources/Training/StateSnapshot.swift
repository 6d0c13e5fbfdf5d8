import Autograd
import Checkpoints
import Kernels

/// A run's arrays as they were at the end of a step, for the thread that writes the checkpoint while
/// training goes on: float32 memory of its own, which goes back to the pool with the snapshot.
///
/// Once made it does not change, so it may pass to another thread.
final class StateSnapshot: @unchecked Sendable {
    private struct Part {
        let group: CheckpointGroup
        let array: ArrayDescription
        let values: Buffer
        let count: Int
    }

    private var parts: [Part] = []

    /// Copies parameters.
    init(of parameters: [Parameter], in workspace: Workspace) {
        let room = workspace.buffer(parameters.reduce(0) { $0 + $1.count }, .float32)
        var place = 0
        for parameter in parameters {
            let values = room.advanced(by: place)
            workspace.copy(parameter, into: values)
            add(parameter, values, to: .model)
            place += parameter.count
        }
    }

    /// Adds what belongs to parameters in the places that they have in the flat arrays, without
    /// copying it.
    func add(_ flat: Buffer, laidOutAs slots: [ParameterStore.Slot], to group: CheckpointGroup) {
        for slot in slots { add(slot.parameter, flat.advanced(by: slot.offset), to: group) }
    }

    private func add(_ parameter: Parameter, _ values: Buffer, to group: CheckpointGroup) {
        let array = ArrayDescription(name: parameter.name, shape: parameter.shape.extents)
        parts.append(Part(group: group, array: array, values: values, count: parameter.count))
    }

    /// Writes the arrays, group by group.
    func append(to writer: CheckpointWriter) throws(CheckpointError) {
        for part in parts {
            try writer.append(part.array, part.values.numbers(part.count), to: part.group)
        }
    }
}
