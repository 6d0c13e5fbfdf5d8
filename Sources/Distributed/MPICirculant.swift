import CMPI

/// Reduce-scatter and all-gather in ⌈log₂ P⌉ rounds for any number of ranks, in each of which a rank
/// sends to one other rank; in all it sends (P − 1)/P of the buffer, the least that is possible.
///
/// Source: Träff 2024, arXiv:2410.14234, algorithms 1 and 2. Open MPI 4.1's all-reduce moves about
/// twice the bytes unless P is a power of two, and its reduce-scatter copies the whole buffer.
extension MPIContext {
    /// Leaves in the rank's own slice the sum over the group; other slices hold partial sums.
    func circulantReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        for (skip, end) in rounds(group.size) {
            let incoming = slices.runs(from: group.rank, count: end - skip)
            let arrived = scratch.room(for: incoming.reduce(0) { $0 + $1.count })
            try exchange(
                sending: buffer.messages(
                    group.rank(after: skip),
                    slices.runs(from: group.rank + skip, count: end - skip)),
                receiving: arrived.messages(group.rank(after: -skip), asLongAs: incoming),
                in: group)
            var next = 0
            for run in incoming {
                try add(arrived.part(next..<next + run.count), to: buffer.part(run))
                next += run.count
            }
        }
    }

    /// Fills every slice from the rank that owns it.
    func circulantAllGather<Element>(
        _ buffer: UnsafeMutableBufferPointer<Element>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        for (skip, end) in rounds(group.size).reversed() {
            try exchange(
                sending: buffer.messages(
                    group.rank(after: -skip), slices.runs(from: group.rank, count: end - skip)),
                receiving: buffer.messages(
                    group.rank(after: skip),
                    slices.runs(from: group.rank + skip, count: end - skip)),
                in: group)
        }
    }

    /// The distances of the rounds and the slices that are still under way before each.
    private func rounds(_ size: Int) -> [(skip: Int, end: Int)] {
        var rounds: [(skip: Int, end: Int)] = []
        var end = size
        while end > 1 {
            let skip = (end + 1) / 2
            rounds.append((skip, end))
            end = skip
        }
        return rounds
    }
}
