import Foundation

/// A run of one process: every collective is its own result, and MPI is never touched.
package final class SingleProcess: Communicator {
    package let rank = 0
    package let size = 1
    package let hostNames: [String]
    package let localRank = 0
    package let localSize = 1
    package let isKeptFromNeighbours = false
    package var neighbourMemory: NeighbourMemory? { nil }
    package let libraryVersion = "one process, no MPI"
    package let activity = CommunicationActivity()

    /// - Parameter hostName: The name to report; by default that of this machine.
    package init(hostName: String = Machine.hostName()) {
        hostNames = [hostName]
    }

    package func beginSum(
        _ buffer: UnsafeMutableBufferPointer<Float>, order: SumOrder, wire: WireType
    ) throws(CommunicationError) -> SumTicket {
        SumTicket()
    }

    package func beginReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int],
        wire: WireType
    ) throws(CommunicationError) -> SumTicket {
        checkSlices("reduceScatter", buffer, counts, offsets)
        return SumTicket()
    }

    package func allGather(
        buffer: UnsafeMutableBufferPointer<Float>, counts: [Int], offsets: [Int]
    ) throws(CommunicationError) {
        checkSlices("allGather", buffer, counts, offsets)
    }

    package func sum(_ values: inout [Double]) throws(CommunicationError) {}

    package func maximum(_ values: inout [Double]) throws(CommunicationError) {
        for index in values.indices where values[index].isNaN { values[index] = .infinity }
    }

    package func broadcast(_ values: inout [Double], from root: Int) throws(CommunicationError) {}

    package func broadcast(bytes: inout [UInt8], from root: Int) throws(CommunicationError) {}

    package func broadcast(
        buffer: UnsafeMutableBufferPointer<Float>, from root: Int
    ) throws(CommunicationError) {}

    package func allGather(_ text: String) throws(CommunicationError) -> [String] { [text] }

    package func barrier() throws(CommunicationError) {}

    package func close() throws(CommunicationError) {}
}
