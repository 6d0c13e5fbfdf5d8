package import Autograd
import Checkpoints
import Distributed
import Kernels
import Optimizers

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
        let kept = moments ? optimizer.rule.elementwiseState : []
        // Frozen weights that are saved too (finetuning_type: freeze) do not lie in the flat arrays.
        let own = moments ? try gatherOwn() : nil
        if readable, slots.map(\.parameter).elementsEqual(parameters, by: ===),
            let arrays = try liveArrays()
        {
            guard communicator.rank == 0 else { return nil }
            let snapshot = StateSnapshot(of: parameters, in: workspace, reading: arrays)
            snapshot.add(.masters, of: slots, to: .model)
            for name in kept { snapshot.add(.moment(name), of: slots, to: .optimizer(name)) }
            if let own { snapshot.add(own, laidOutAs: optimizer.ownArrays) }
            return snapshot
        }
        try communicating { () throws(CommunicationError) in try reducer.completeMasters() }
        let snapshot = communicator.rank == 0 ? StateSnapshot(of: parameters, in: workspace) : nil
        reducer.releaseUnownedMasters()
        for name in kept {
            let flat = try gatherMoment(name)
            if let flat {
                snapshot?.add(
                    flat, laidOutAs: store.activeSlots.reversed(), to: .optimizer(name))
            }
        }
        if let own { snapshot?.add(own, laidOutAs: optimizer.ownArrays) }
        return snapshot
    }

    /// Whether rank 0 can read all that checkpoints hold where it lies.
    var arraysAreReadable: Bool {
        store.masterArrays.allSatisfy { $0.hostAddress != nil }
            && (!reducer.divides || communicator.neighbourMemory != nil)
    }

    /// Where the arrays lie, if rank 0 can read them there. Collective.
    private func liveArrays() throws(TrainingError) -> LiveArrays? {
        if let found = foundArrays { return found }
        var arrays: LiveArrays?
        try communicating { () throws(CommunicationError) in arrays = try LiveArrays(self) }
        foundArrays = .some(arrays)
        return arrays
    }

    /// What the optimizer keeps in shapes of its own, of all ranks, one array after the other, on rank 0;
    /// `nil` where there is none. Collective.
    ///
    /// Array by array, so that the other ranks need room for one alone.
    private func gatherOwn() throws(TrainingError) -> Buffer? {
        let arrays = optimizer.ownArrays
        let counts = arrays.map(\.array.shape.count)
        guard let longest = counts.max() else { return nil }
        let isRoot = communicator.rank == 0
        guard isRoot || reducer.divides else { return nil }
        let room = workspace.buffer(isRoot ? counts.reduce(0, +) : longest, .float32)
        var place = 0
        for (parameter, array) in arrays {
            let count = array.shape.count
            let part = isRoot ? room.advanced(by: place) : room
            optimizer.copyOwn(array, of: parameter, into: part)
            place += count
            guard reducer.divides else { continue }
            // Every array is one rank's, and zero on the others.
            try communicating { () throws(CommunicationError) in
                let view = part.hostView(0..<count)
                try communicator.beginSum(view.words).wait()
                view.commit()
            }
        }
        return isRoot ? room : nil
    }

    /// A moment laid out like the flat arrays, on rank 0. Collective.
    ///
    /// Bucket by bucket, so that the other ranks need room for one bucket alone.
    private func gatherMoment(_ moment: String) throws(TrainingError) -> Buffer? {
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
        for name in optimizer.rule.elementwiseState {
            try restoreMoment(name, from: state?[.optimizer(name)])
        }
        try restoreOwn(from: state)
    }

    /// Array by array, so that no rank needs room for more than one.
    private func restoreOwn(from state: TrainingState?) throws(TrainingError) {
        let arrays = optimizer.ownArrays
        guard let longest = arrays.map(\.array.shape.count).max() else { return }
        let kept = Dictionary(
            arrays.map(\.array.name).map { name in
                let named = (state?[.optimizer(name)] ?? []).map { ($0.name, $0.values) }
                return (name, Dictionary(named, uniquingKeysWith: { first, _ in first }))
            }, uniquingKeysWith: { first, _ in first })
        let room = workspace.buffer(longest, .float32)
        for (parameter, array) in arrays {
            if let values = kept[array.name]?[parameter.name] {
                workspace.store(values, into: room)
            }
            try communicating { () throws(CommunicationError) in
                let view = room.hostView(0..<array.shape.count)
                try communicator.broadcast(buffer: view.words, from: 0)
                view.commit()
            }
            optimizer.restoreOwn(array, of: parameter, from: room)
        }
    }

    private func restoreMoment(
        _ moment: String, from arrays: [NamedArray]?
    ) throws(TrainingError) {
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
