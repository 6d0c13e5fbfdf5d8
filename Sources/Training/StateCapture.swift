import Autograd
import Checkpoints
import Distributed
import Kernels

/// The arrays of a run, on their way to and from a checkpoint.
extension TrainingLoop {
    /// The run's arrays, on rank 0; empty on the others. Collective.
    ///
    /// - Parameter parameters: those that checkpoints hold.
    func captureArrays(
        of parameters: [Parameter], moments: Bool
    ) throws(TrainingError) -> (model: [NamedArray], first: [NamedArray], second: [NamedArray]) {
        try communicating { () throws(CommunicationError) in try reducer.completeMasters() }
        let isRoot = communicator.rank == 0
        let model = isRoot ? parameters.map { named($0, workspace.numbers($0)) } : []
        guard moments else { return (model, [], []) }
        return (model, try captureMoment(.first), try captureMoment(.second))
    }

    /// Fills parameters and moments from rank 0's arrays. Collective.
    ///
    /// - Parameter state: on rank 0; its names and shapes are known to fit.
    func restoreArrays(
        _ state: TrainingState?, moments: Bool
    ) throws(TrainingError) {
        for array in state?.model ?? [] {
            guard let parameter = store.parameters.first(where: { $0.name == array.name })
            else { continue }
            workspace.assign(array.values, to: parameter)
        }
        for masters in store.masterArrays {
            try communicating { () throws(CommunicationError) in
                try reducer.broadcast(masters, from: 0)
            }
        }
        store.refreshCopies()
        guard moments else { return }
        try restoreMoment(.first, from: state?.firstMoment)
        try restoreMoment(.second, from: state?.secondMoment)
    }

    private func captureMoment(_ moment: Optimizer.Moment) throws(TrainingError) -> [NamedArray] {
        guard let flat = optimizer.flatMoment(moment) else { return [] }
        try communicating { () throws(CommunicationError) in try reducer.gather(flat) }
        guard communicator.rank == 0 else { return [] }
        return store.slots.reversed().map { slot in
            named(
                slot.parameter,
                workspace.numbers(flat.advanced(by: slot.offset), count: slot.parameter.count))
        }
    }

    private func restoreMoment(
        _ moment: Optimizer.Moment, from arrays: [NamedArray]?
    ) throws(TrainingError) {
        guard optimizer.keeps(moment) else { return }
        let flat = workspace.zeros(store.count, .float32)
        let values = Dictionary(
            (arrays ?? []).map { ($0.name, $0.values) }, uniquingKeysWith: { first, _ in first })
        for slot in store.slots {
            if let numbers = values[slot.parameter.name] {
                workspace.store(numbers, into: flat.advanced(by: slot.offset))
            }
        }
        try communicating { () throws(CommunicationError) in
            try reducer.broadcast(flat, from: 0)
        }
        optimizer.restore(moment, from: flat)
    }

    private func named(_ parameter: Parameter, _ values: [Float]) -> NamedArray {
        NamedArray(name: parameter.name, shape: parameter.shape.extents, values: values)
    }
}
