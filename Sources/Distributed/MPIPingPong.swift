import CMPI

/// Messages between two ranks, for the link probe.
extension MPIContext {
    /// Seconds that a message between two ranks takes one way, on `first`; 0 elsewhere.
    func pingPong(
        _ first: Int, _ second: Int, bytes: Int, rounds: Int
    ) throws(CommunicationError) -> Double {
        guard rank == first || rank == second else { return 0 }
        let peer = Int32(rank == first ? second : first)
        var message = [UInt8](repeating: 0, count: bytes)
        let count = Int32(bytes)
        var start = 0.0
        // The first round trip makes the connection.
        for round in -1..<rounds {
            if round == 0 { start = Machine.seconds() }
            for isSending in rank == first ? [true, false] : [false, true] {
                if isSending {
                    try check(
                        MPI_Send(&message, count, mpi_byte(), peer, Self.tag, world), "MPI_Send")
                } else {
                    try check(
                        MPI_Recv(
                            &message, count, mpi_byte(), peer, Self.tag, world,
                            mpi_status_ignore()), "MPI_Recv")
                }
            }
        }
        return rank == first ? (Machine.seconds() - start) / Double(2 * rounds) : 0
    }
}
