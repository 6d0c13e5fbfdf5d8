import CMPI

/// Broadcasts and gathers of small things.
extension MPIContext {
    /// Gives every rank the root's floats, piece by piece.
    func broadcast(
        _ buffer: UnsafeMutableBufferPointer<Float>, from root: Int
    ) throws(CommunicationError) {
        guard size > 1 else { return }
        var pieces = 0
        try forEachPiece(buffer, elements: pieceElements) { (piece) throws(CommunicationError) in
            try check(
                MPI_Bcast(piece.baseAddress, Int32(piece.count), mpi_float(), Int32(root), world),
                "MPI_Bcast")
            // What the root has sent ahead lies in Open MPI's memory.
            pieces += 1
            if pieces % Self.piecesAhead == 0 { try barrier() }
        }
    }

    private static let piecesAhead = 8

    /// Gives every rank the root's doubles.
    func broadcast(
        _ values: UnsafeMutableBufferPointer<Double>, from root: Int
    ) throws(CommunicationError) {
        guard size > 1, !values.isEmpty else { return }
        try check(
            MPI_Bcast(values.baseAddress, Int32(values.count), mpi_double(), Int32(root), world),
            "MPI_Bcast")
    }

    /// Gives every rank the root's bytes, its length first.
    func broadcast(bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
        guard size > 1 else { return bytes }
        var length = Int64(bytes.count)
        try check(MPI_Bcast(&length, 1, mpi_int64(), Int32(root), world), "MPI_Bcast")
        var result = rank == root ? bytes : [UInt8](repeating: 0, count: Int(length))
        let chunk = 1 << 22
        for start in stride(from: 0, to: result.count, by: chunk) {
            let count = min(chunk, result.count - start)
            let code = result.withUnsafeMutableBytes {
                MPI_Bcast(
                    $0.baseAddress.map { $0 + start }, Int32(count), mpi_byte(), Int32(root), world)
            }
            try check(code, "MPI_Bcast")
        }
        return result
    }

    /// One text from each rank, by rank.
    func gather(text: String) throws(CommunicationError) -> [String] {
        var mine = Array(text.utf8)
        guard size > 1 else { return [text] }
        var length = Int32(mine.count)
        var lengths = [Int32](repeating: 0, count: size)
        try check(
            MPI_Allgather(&length, 4, mpi_byte(), &lengths, 4, mpi_byte(), world), "MPI_Allgather")
        var offsets = [Int32](repeating: 0, count: size)
        for rank in 1..<size { offsets[rank] = offsets[rank - 1] + lengths[rank - 1] }
        let total = Int(offsets[size - 1] + lengths[size - 1])
        var all = [UInt8](repeating: 0, count: max(total, 1))
        mine.append(0)
        try check(
            MPI_Allgatherv(
                &mine, length, mpi_byte(), &all, &lengths, &offsets, mpi_byte(), world),
            "MPI_Allgatherv")
        return (0..<size).map { rank in
            let start = Int(offsets[rank])
            return String(decoding: all[start..<start + Int(lengths[rank])], as: UTF8.self)
        }
    }

    /// Returns when every rank has called it.
    func barrier() throws(CommunicationError) {
        guard size > 1 else { return }
        try check(MPI_Barrier(world), "MPI_Barrier")
    }
}
