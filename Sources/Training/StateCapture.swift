package import Autograd
import Checkpoints
import Distributed
import Kernels

/// The arrays of a run, on their way to and from a checkpoint.
extension TrainingLoop {
    /// The run's arrays as they are now, on rank 0; `nil` on the others. Collective.
    ///
    /// - Parameters:
    ///   - parameters: those that checkpoints hold.
    ///   - readable: whether arrays are read where they lie, as far as that can be done, until
    ///     ``StateSnapshot/detach()``; ``willUpdate`` must call that.
    package func snapshot(
        of parameters: [Parameter], moments: Bool, readable: Bool = true
    ) throws(TrainingError) -> StateSnapshot? {
        let slots = Array(store.slots.reversed())
        let kept: [(Optimizer.Moment, CheckpointGroup)] = [
            (.first, .firstMoment), (.second, .secondMoment),
        ].filter { moments && optimizer.keeps($0.0) }
        // Frozen weights that are saved too (finetuning_type: freeze) do not lie in the flat arrays.
        if readable, slots.map(\.parameter).elementsEqual(parameters, by: ===),
            let arrays = try liveArrays()
        {
            guard communicator.rank == 0 else { return nil }
            let snapshot = StateSnapshot(of: parameters, in: workspace, reading: arrays)
            snapshot.add(.masters, of: slots, to: .model)
            for (moment, group) in kept { snapshot.add(.moment(moment), of: slots, to: group) }
            return snapshot
        }
        try communicating { () throws(CommunicationError) in try reducer.completeMasters() }
        let snapshot = communicator.rank == 0 ? StateSnapshot(of: parameters, in: workspace) : nil
        reducer.forgetOthersMasters()
        for (moment, group) in kept {
            let flat = try gatherMoment(moment)
            if let flat { snapshot?.add(flat, laidOutAs: slots, to: group) }
        }
        return snapshot
    }

    /// Whether rank 0 can read all that checkpoints hold where it lies.
    var arraysAreReadable: Bool { !reducer.divides || communicator.neighbourMemory != nil }

    /// Where the arrays lie, if rank 0 can read them there. Collective.
    private func liveArrays() throws(TrainingError) -> LiveArrays? {
        if let found = foundArrays { return found }
        var arrays: LiveArrays?
        try communicating { () throws(CommunicationError) in arrays = try LiveArrays(self) }
        foundArrays = .some(arrays)
        return arrays
    }

    /// A moment laid out like the flat arrays, on rank 0. Collective.
    ///
    /// Bucket by bucket, so that the other ranks need room for one bucket alone.
    private func gatherMoment(_ moment: Optimizer.Moment) throws(TrainingError) -> Buffer? {
        let isRoot = communicator.rank == 0
        let flat = isRoot ? workspace.buffer(store.count, .float32) : nil
        guard reducer.divides else {
            if let flat { optimizer.copy(moment, in: 0..<store.count, into: flat) }
            return flat
        }
        let longest = reducer.buckets.map(\.range.count).max() ?? 0
        let room = flat ?? workspace.buffer(longest, .float32)
        for bucket in reducer.buckets {
            let part = isRoot ? room.advanced(by: bucket.range.lowerBound) : room
            optimizer.copy(moment, in: bucket.range, into: part)
            try communicating { () throws(CommunicationError) in
                try reducer.gather(part, of: bucket)
            }
        }
        return flat
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
}
