import CMPI
import Kernels

/// Sums whose summands cross the wire as bfloat16 and are added in float32.
///
/// All-to-all, sum, all-gather: whatever the number of ranks, a summand is rounded once, on its way
/// to the rank that adds, and a sum once, on its way back. Passing partial sums on in bfloat16 would
/// round them anew at every rank.
extension MPIContext {
    /// Adds the other ranks' numbers, each rounded once, to the rank's own slice, in float32; other
    /// slices keep what they held.
    func narrowReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        let own = buffer.part(slices[group.rank])
        for first in stride(from: 1, to: group.size, by: Self.partnersAtOnce) {
            let distances = first..<min(first + Self.partnersAtOnce, group.size)
            let lengths = distances.map { slices[group.rank(after: $0)].count }
            let outgoing = narrowOut.room(for: lengths.reduce(0, +))
            let incoming = narrowIn.room(for: own.count * distances.count)
            var sending: [Message] = []
            var receiving: [Message] = []
            var next = 0
            for (index, distance) in distances.enumerated() {
                let peer = group.rank(after: distance)
                let rounded = outgoing.part(next..<next + lengths[index])
                next += lengths[index]
                if let start = rounded.baseAddress {
                    WireNumbers.round(buffer.part(slices[peer]), into: start)
                }
                sending.append(Message(peer, rounded))
                receiving.append(
                    Message(
                        group.rank(after: -distance),
                        incoming.part(index * own.count..<(index + 1) * own.count)))
            }
            try exchange(sending: sending, receiving: receiving, in: group)
            guard let start = incoming.baseAddress else { continue }
            for index in distances.indices.map({ $0 - distances.lowerBound }) {
                WireNumbers.add(start + index * own.count, to: own)
            }
        }
    }

    /// Fills every slice with its owner's numbers rounded, the own one too: all ranks end with the
    /// same bits.
    func narrowAllGather(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        let filled = slices.ranges.filter { !$0.isEmpty }
        guard let first = filled.map(\.lowerBound).min(), let end = filled.map(\.upperBound).max()
        else { return }
        let wire = narrowOut.room(for: end - first)
        let shifted = Slices(
            slices.ranges.map {
                $0.isEmpty ? 0..<0 : $0.lowerBound - first..<$0.upperBound - first
            })
        guard let start = wire.baseAddress else { return }
        WireNumbers.round(
            buffer.part(slices[group.rank]), into: start + shifted[group.rank].lowerBound)
        try circulantAllGather(wire, shifted, in: group)
        for (range, place) in zip(slices.ranges, shifted.ranges) {
            WireNumbers.widen(start + place.lowerBound, into: buffer.part(range))
        }
    }

    /// Ranks that messages are exchanged with at a time: enough to hide latency, few enough that
    /// what is under way stays in the cache.
    private static let partnersAtOnce = 8
}
