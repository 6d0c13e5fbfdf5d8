import CMPI

/// Sums over ranks. See MPIRing.swift for the ring.
extension MPIContext {
    /// Whether the number of ranks is a power of two.
    var isPowerOfTwo: Bool { size & (size - 1) == 0 }

    /// Sums in place, piece by piece.
    ///
    /// Open MPI's all-reduce is used on power-of-two rank counts; on others it moves about twice
    /// the bytes, so there our ring takes over while its slices are not too short.
    func sum(_ buffer: UnsafeMutableBufferPointer<Float>) throws(CommunicationError) {
        guard size > 1 else { return }
        try forEachPiece(buffer) { (piece) throws(CommunicationError) in
            if isPowerOfTwo || piece.count / size < Self.shortestRingSlice {
                try check(
                    MPI_Allreduce(
                        mpi_in_place(), piece.baseAddress, Int32(piece.count), mpi_float(),
                        mpi_sum(), world),
                    "MPI_Allreduce")
            } else {
                let (counts, offsets) = evenSlices(of: piece.count, among: size)
                try ringReduceScatter(piece, counts: counts, offsets: offsets)
                try ringAllGather(piece, counts: counts, offsets: offsets)
            }
        }
    }

    /// Below this many floats a ring step is mostly latency.
    private static let shortestRingSlice = 8192

    /// Sums in place, every element as ((r0 + r1) + (r2 + r3)) + ….
    ///
    /// Addition commutes, so in round d the two halves of a pair form the same number and each
    /// element passes through the aligned tree. Long pieces are halved in every round and gathered
    /// afterwards (Rabenseifner 2004, with distances doubling), which adds each element once.
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
        var distance = 1
        while distance < size {
            try exchange(
                with: rank ^ distance, send: piece,
                receive: .init(start: scratch, count: piece.count))
            try add(scratch, to: piece)
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
            try exchange(
                with: rank ^ distance, send: piece.part(given),
                receive: .init(start: scratch, count: kept.count))
            try add(scratch, to: piece.part(kept))
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

    /// `target` += `source`, with Open MPI's vector loops.
    func add(
        _ source: UnsafePointer<Float>, to target: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        try check(
            MPI_Reduce_local(
                source, target.baseAddress, Int32(target.count), mpi_float(), mpi_sum()),
            "MPI_Reduce_local")
    }

    /// Sends to a peer and receives from the same peer.
    func exchange(
        with peer: Int, send: UnsafeMutableBufferPointer<Float>,
        receive: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        try check(
            MPI_Sendrecv(
                send.baseAddress, Int32(send.count), mpi_float(), Int32(peer), Self.tag,
                receive.baseAddress, Int32(receive.count), mpi_float(), Int32(peer), Self.tag,
                world, mpi_status_ignore()),
            "MPI_Sendrecv")
    }

    /// One tag is enough: the thread makes one exchange at a time.
    static let tag: Int32 = 7

    /// Calls `body` with consecutive parts of the buffer, by default of a piece each.
    func forEachPiece(
        _ buffer: UnsafeMutableBufferPointer<Float>, elements: Int? = nil,
        _ body: (UnsafeMutableBufferPointer<Float>) throws(CommunicationError) -> Void
    ) throws(CommunicationError) {
        let step = elements ?? pieceElements
        var start = 0
        while start < buffer.count {
            let end = min(start + step, buffer.count)
            try body(buffer.part(start..<end))
            start = end
        }
    }
}

extension UnsafeMutableBufferPointer {
    /// A part of the buffer as a buffer.
    func part(_ range: Range<Int>) -> UnsafeMutableBufferPointer {
        UnsafeMutableBufferPointer(rebasing: self[range])
    }
}

/// Slices of `count` elements that differ by one element at most, the longer ones first.
package func evenSlices(of count: Int, among ranks: Int) -> (counts: [Int], offsets: [Int]) {
    let counts = (0..<ranks).map { count / ranks + ($0 < count % ranks ? 1 : 0) }
    var offsets: [Int] = []
    var next = 0
    for count in counts {
        offsets.append(next)
        next += count
    }
    return (counts, offsets)
}
