import Autograd
import Checkpoints
import Distributed
import Kernels
import Optimizers

/// A run's arrays where they lie: in this rank's memory and, where ranks divide them, in that of the
/// ranks beside it. They may be read, by any thread, from the end of a step to the next update.
final class LiveArrays: @unchecked Sendable {
    enum Kind {
        case masters
        /// One of what the optimizer keeps elementwise, by its name.
        case moment(String)
    }

    /// A range of the flat arrays that one rank keeps, from `place` on in its own array.
    private struct Stretch {
        let range: Range<Int>
        let rank: Int
        let place: Int
    }

    /// Where a rank has its arrays; 0 for one that it has not.
    private struct Addresses {
        var rest = 0
        /// As the optimizer's rule names them.
        var moments: [Int] = []

        var text: String { ([rest] + moments).map(String.init).joined(separator: " ") }

        init() {}

        init?(_ text: String) {
            let numbers = text.split(separator: " ").compactMap { Int($0) }
            guard let first = numbers.first else { return nil }
            (rest, moments) = (first, Array(numbers.dropFirst()))
        }
    }

    private let masters: Buffer?
    private let split: SplitNumbers?
    private let rank: Int
    private let memory: NeighbourMemory?
    private let addresses: [Addresses]
    private let names: [String]
    /// Lower halves that this rank has not; in order.
    private var rests: [Stretch] = []
    /// Moments of all ranks; in order.
    private var moments: [Stretch] = []

    /// Collective. `nil`, on all ranks, where some of the arrays lie in memory that rank 0 cannot read.
    init?(_ loop: TrainingLoop) throws(CommunicationError) {
        let (communicator, reducer) = (loop.communicator, loop.reducer)
        (masters, split) = (loop.store.masters, loop.store.splitMasters)
        (rank, memory) = (communicator.rank, communicator.neighbourMemory)
        names = loop.optimizer.rule.elementwiseState
        guard loop.arraysAreReadable else { return nil }
        var own = Addresses()
        own.rest = split?.rest.hostAddress ?? 0
        let kept = names.map { loop.optimizer.memory(of: $0) }
        own.moments = kept.map { $0?.hostAddress ?? 0 }
        guard reducer.divides else {
            addresses = [own]
            moments = Optimizer.momentLayout(of: reducer.ownedRanges, in: loop.store).map {
                Stretch(range: $0.range, rank: 0, place: $0.moments)
            }
            return
        }
        // Another rank may read them as long as this process lives, even after an error of its own run.
        for array in [split?.rest] + kept {
            if let array { _ = Unmanaged.passRetained(array.storage) }
        }
        let all = try communicator.allGather(own.text).compactMap(Addresses.init)
        precondition(all.count == communicator.size, "addresses of \(all.count) ranks")
        addresses = all
        for rank in 0..<communicator.size {
            moments += Optimizer.momentLayout(of: reducer.ownedRanges(of: rank), in: loop.store).map
            {
                Stretch(range: $0.range, rank: rank, place: $0.moments)
            }
            guard rank != self.rank, split != nil else { continue }
            rests += reducer.unsharedRanges(of: rank).map {
                Stretch(range: $0, rank: rank, place: $0.lowerBound)
            }
        }
        moments.sort { $0.range.lowerBound < $1.range.lowerBound }
        rests.sort { $0.range.lowerBound < $1.range.lowerBound }
    }

    /// Fills a view, from its word `place` on, with a range of an array, float32.
    func read(
        _ kind: Kind, _ range: Range<Int>, into view: HostView, at place: Int
    ) throws(CheckpointError) {
        guard let target = view.words.baseAddress.map({ $0 + place }) else { return }
        switch kind {
        case .masters: try readMasters(range, into: target)
        case .moment(let moment):
            for stretch in moments where stretch.range.overlaps(range) {
                let part = stretch.range.clamped(to: range)
                let place = stretch.place + part.lowerBound - stretch.range.lowerBound
                guard let number = names.firstIndex(of: moment) else { continue }
                let base = addresses[reducedRank(stretch.rank)].moments[number]
                try copy(
                    part.count * 4, of: stretch.rank, at: base + place * 4,
                    to: target + (part.lowerBound - range.lowerBound))
            }
        }
    }

    /// Has the calling thread run where one of the host's ranks does, each in turn: what it takes from
    /// the step, all of them then bear alike.
    func takeTurn(_ turn: Int) { memory?.moveBeside(turn) }

    private func reducedRank(_ rank: Int) -> Int { addresses.count == 1 ? 0 : rank }

    private func readMasters(
        _ range: Range<Int>, into target: UnsafeMutablePointer<Float>
    ) throws(CheckpointError) {
        guard let split else {
            guard let masters else { preconditionFailure("masters of a run that trains nothing") }
            let view = masters.hostView(range)
            guard let source = view.words.baseAddress else { return }
            target.update(from: source, count: range.count)
            return
        }
        var place = range.lowerBound
        for stretch in rests where stretch.range.overlaps(range) {
            let part = stretch.range.clamped(to: range)
            split.join(place..<part.lowerBound, into: target + (place - range.lowerBound))
            try readRests(
                part, of: stretch, split, into: target + (part.lowerBound - range.lowerBound))
            place = part.upperBound
        }
        split.join(place..<range.upperBound, into: target + (place - range.lowerBound))
    }

    /// Numbers read at a time.
    private static let piece = 1 << 16

    private func readRests(
        _ range: Range<Int>, of stretch: Stretch, _ split: SplitNumbers,
        into target: UnsafeMutablePointer<Float>
    ) throws(CheckpointError) {
        try withUnsafeTemporaryAllocation(of: UInt16.self, capacity: Self.piece) {
            lower throws(CheckpointError) in
            guard let base = lower.baseAddress else { return }
            for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.piece) {
                let part = start..<min(start + Self.piece, range.upperBound)
                try copy(
                    part.count * 2, of: stretch.rank,
                    at: addresses[stretch.rank].rest + part.lowerBound * 2, to: base)
                split.join(part, lower: base, into: target + (start - range.lowerBound))
            }
        }
    }

    private func copy(
        _ bytes: Int, of rank: Int, at address: Int, to target: UnsafeMutableRawPointer
    ) throws(CheckpointError) {
        guard addresses.count > 1, rank != self.rank, let memory else {
            guard let source = UnsafeRawPointer(bitPattern: address) else {
                preconditionFailure("rank \(rank) has no such array")
            }
            target.copyMemory(from: source, byteCount: bytes)
            return
        }
        do throws(CommunicationError) {
            try memory.read(rank, at: address, into: target, bytes: bytes)
        } catch {
            guard case .system(let call, let code, _) = error else {
                preconditionFailure("reading memory failed by \(error)")
            }
            throw .system(call: call, code: code, file: "the memory of rank \(rank)")
        }
    }
}
