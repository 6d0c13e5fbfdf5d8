import CMPI

/// Sums in the aligned tree order, ((r0 + r1) + (r2 + r3)) + …, on power-of-two rank counts.
extension MPIContext {
    /// Whether the number of ranks is a power of two.
    var isPowerOfTwo: Bool { size & (size - 1) == 0 }

    /// Sums in place, every element as ((r0 + r1) + (r2 + r3)) + ….
    ///
    /// Addition commutes, so in round d the two halves of a pair form the same number and each
    /// element passes through the aligned tree. Long pieces are halved in every round and gathered
    /// afterwards (Rabenseifner 2004, with distances doubling), which adds each element once and
    /// sends most to the nearest rank.
    func treeSum(_ buffer: UnsafeMutableBufferPointer<Float>) throws(CommunicationError) {
        precondition(isPowerOfTwo, "treeSum: \(size) ranks, not a power of two")
        guard size > 1 else { return }
        try forEachPiece(buffer, elements: pieceElements / 4) {
            (piece) throws(CommunicationError) in
            if piece.count < Self.shortestHalvedPiece {
                try doublingSum(piece)
            } else {
                try halvingSum(piece)
            }
        }
    }

    private static let shortestHalvedPiece = 4096

    private func doublingSum(
        _ piece: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        let arrived = scratch.room(for: piece.count)
        var distance = 1
        while distance < size {
            try exchange(with: rank ^ distance, send: piece, receive: arrived)
            try add(arrived, to: piece)
            distance *= 2
        }
    }

    private func halvingSum(
        _ piece: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        var ranges: [Range<Int>] = []
        var range = 0..<piece.count
        var distance = 1
        while distance < size {
            ranges.append(range)
            let (kept, given) = halves(of: range, distance: distance)
            let arrived = scratch.room(for: kept.count)
            try exchange(with: rank ^ distance, send: piece.part(given), receive: arrived)
            try add(arrived, to: piece.part(kept))
            range = kept
            distance *= 2
        }
        while let whole = ranges.popLast() {
            distance /= 2
            let (kept, given) = halves(of: whole, distance: distance)
            try exchange(
                with: rank ^ distance, send: piece.part(kept), receive: piece.part(given))
        }
    }

    private func halves(
        of range: Range<Int>, distance: Int
    ) -> (kept: Range<Int>, given: Range<Int>) {
        let middle = range.lowerBound + range.count / 2
        let low = range.lowerBound..<middle
        let high = middle..<range.upperBound
        return rank & distance == 0 ? (low, high) : (high, low)
    }

    private func exchange(
        with peer: Int, send: UnsafeMutableBufferPointer<Float>,
        receive: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        try exchange(
            sending: [Message(peer, send)], receiving: [Message(peer, receive)], in: all)
    }

    /// Sums float64 values: the aligned tree on power-of-two rank counts, else Open MPI's order.
    func sum(_ values: UnsafeMutableBufferPointer<Double>) throws(CommunicationError) {
        guard size > 1, !values.isEmpty else { return }
        let count = Int32(values.count)
        guard isPowerOfTwo else {
            try check(
                MPI_Allreduce(
                    mpi_in_place(), values.baseAddress, count, mpi_double(), mpi_sum(), world),
                "MPI_Allreduce")
            return
        }
        var other = [Double](repeating: 0, count: values.count)
        var distance = 1
        while distance < size {
            let peer = Int32(rank ^ distance)
            try check(
                MPI_Sendrecv(
                    values.baseAddress, count, mpi_double(), peer, Self.tag, &other, count,
                    mpi_double(), peer, Self.tag, world, mpi_status_ignore()),
                "MPI_Sendrecv")
            for index in values.indices { values[index] += other[index] }
            distance *= 2
        }
    }

    /// The largest of each value over ranks.
    func maximum(_ values: UnsafeMutableBufferPointer<Double>) throws(CommunicationError) {
        guard size > 1, !values.isEmpty else { return }
        try check(
            MPI_Allreduce(
                mpi_in_place(), values.baseAddress, Int32(values.count), mpi_double(), mpi_max(),
                world),
            "MPI_Allreduce")
    }
}
