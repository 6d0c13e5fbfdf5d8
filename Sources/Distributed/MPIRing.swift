import CMPI

/// Collectives in which each rank talks to its two neighbours only.
///
/// Ring: Patarasuk and Yuan 2009. Each rank sends (P − 1)/P of the buffer in P − 1 rounds; with
/// consecutive ranks on one host every number crosses the host's network link once, however many
/// ranks it holds.
extension MPIContext {
    /// Leaves in slice `rank` the sum over ranks; other slices hold partial sums.
    func ringReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices
    ) throws(CommunicationError) {
        for round in 1..<max(size, 1) {
            let target = buffer.part(slices[all.rank(after: -round - 1)])
            let arrived = scratch.room(for: target.count)
            try passOn(buffer.part(slices[all.rank(after: -round)]), receive: arrived)
            try add(arrived, to: target)
        }
    }

    /// Fills every slice from the rank that owns it.
    func ringAllGather(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices
    ) throws(CommunicationError) {
        for round in 0..<size - 1 {
            try passOn(
                buffer.part(slices[all.rank(after: -round)]),
                receive: buffer.part(slices[all.rank(after: -round - 1)]))
        }
    }

    /// Sends to the next rank while receiving from the one before.
    private func passOn(
        _ send: UnsafeMutableBufferPointer<Float>, receive: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        try exchange(
            sending: [Message(all.rank(after: 1), send)],
            receiving: [Message(all.rank(after: -1), receive)], in: all)
    }
}
