import CMPI

/// The memory of all ranks, where they share one host and may read each other's. For any thread.
package struct NeighbourMemory: Sendable {
    /// By rank.
    let processes: [Int32]

    /// Copies bytes that lie at `address` in a rank's memory.
    /// - Throws: ``CommunicationError/system(call:code:purpose:)`` where that rank is gone, too.
    package func read(
        _ rank: Int, at address: Int, into target: UnsafeMutableRawPointer, bytes: Int
    ) throws(CommunicationError) {
        guard bytes > 0 else { return }
        let code = read_process(
            processes[rank], UnsafeRawPointer(bitPattern: address), target, bytes)
        guard code != 0 else { return }
        throw .system(
            call: "process_vm_readv", code: code, purpose: "reading the memory of rank \(rank)")
    }

    /// Moves the calling thread to the processors of a rank, `rank` modulo their number, from where it
    /// may come back to this process's when these have nothing to do. Where it may not, it stays.
    package func moveBeside(_ rank: Int) { move_beside(processes[rank % processes.count]) }
}
