import CMPI
import Foundation

/// Ranks of one host that may read each other's memory, as debuggers do and Open MPI does for its
/// own messages.
struct Neighbours {
    let group: RankGroup
    /// Of each rank of the group.
    let processes: [Int32]

    /// Finds out whether they may, by trying. Collective.
    /// - Parameter onOneHost: whether `all`, several, are, where the layout has one level.
    init?(_ hosts: HostLayout, all: RankGroup, onOneHost: Bool) throws(CommunicationError) {
        switch hosts {
        case .oneLevel where onOneHost: group = all
        case .grid(let grid): group = grid.local
        default: return nil
        }
        processes = try group.gather(Int(getpid())).map(Int32.init)
        // A number that no other process has at this place.
        let sign = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        defer { sign.deallocate() }
        sign.pointee = Int.random(in: 0...Int.max)
        let signs = try group.gather(sign.pointee)
        let places = try group.gather(Int(bitPattern: sign))
        var found = 0
        for rank in 0..<group.size {
            var read = 0
            let code = read_process(
                processes[rank], UnsafeRawPointer(bitPattern: places[rank]), &read,
                MemoryLayout<Int>.size)
            if code == 0, read == signs[rank] { found += 1 }
        }
        // Nobody's sign may go before all have looked.
        let founds = try group.gather(found)
        guard founds.allSatisfy({ $0 == group.size }) else { return nil }
    }
}

/// Collectives in which each rank reads what it needs where the others hold it: one copy into a core's
/// cache, and a meeting before and after it however many ranks there are, where rounds of messages wait
/// for the slowest rank in each. With 16 ranks on 16 cores of a Xeon a step of GPT-2 124M spends 0.27 s in
/// them, and 0.45 s in messages (`bench step examples/bench/pretrain.yaml`, 1 thread a rank).
extension MPIContext {
    /// Leaves in every rank's buffer the sum over the group.
    func readSum(
        _ buffer: UnsafeMutableBufferPointer<Float>, of neighbours: Neighbours
    ) throws(CommunicationError) {
        let slices = Slices.even(count: buffer.count, among: neighbours.group.size)
        let places = try places(of: buffer, in: neighbours.group)
        try readSlice(of: places, buffer, slices, neighbours)
        try readSlices(of: places, buffer, slices, neighbours)
    }

    /// Leaves in the rank's own slice the sum over the group; other slices stay as they were.
    func readReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, of neighbours: Neighbours
    ) throws(CommunicationError) {
        let places = try places(of: buffer, in: neighbours.group)
        try readSlice(of: places, buffer, slices, neighbours)
    }

    /// Fills every slice from the rank that owns it.
    func readAllGather(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, of neighbours: Neighbours
    ) throws(CommunicationError) {
        let places = try places(of: buffer, in: neighbours.group)
        try readSlices(of: places, buffer, slices, neighbours)
    }

    /// Adds the others' numbers to the rank's own slice; returns when all ranks have done so.
    private func readSlice(
        of places: [Int], _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices,
        _ neighbours: Neighbours
    ) throws(CommunicationError) {
        let group = neighbours.group
        let own = slices[group.rank]
        for start in stride(from: own.lowerBound, to: own.upperBound, by: Self.readElements) {
            let range = start..<min(start + Self.readElements, own.upperBound)
            let arrived = scratch.room(for: range.count)
            for distance in 1..<group.size {
                let peer = group.rank(after: distance)
                try read(range, of: peer, at: places[peer], neighbours, into: arrived)
                try add(arrived, to: buffer.part(range))
            }
        }
        sentBytes += (slices.total - own.count) * MemoryLayout<Float>.stride
        try meet(in: group)
    }

    /// Reads the others' slices; returns when all ranks have done so.
    private func readSlices(
        of places: [Int], _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices,
        _ neighbours: Neighbours
    ) throws(CommunicationError) {
        let group = neighbours.group
        for distance in 1..<group.size {
            let peer = group.rank(after: distance)
            try read(
                slices[peer], of: peer, at: places[peer], neighbours,
                into: buffer.part(slices[peer]))
        }
        sentBytes += slices[group.rank].count * (group.size - 1) * MemoryLayout<Float>.stride
        try meet(in: group)
    }

    /// Floats that are read at a time: they stay in a core's second cache until they are added.
    private static let readElements = 1 << 15

    private func read(
        _ range: Range<Int>, of peer: Int, at place: Int, _ neighbours: Neighbours,
        into target: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        guard !range.isEmpty else { return }
        let stride = MemoryLayout<Float>.stride
        let code = read_process(
            neighbours.processes[peer],
            UnsafeRawPointer(bitPattern: place + range.lowerBound * stride),
            UnsafeMutableRawPointer(target.baseAddress), range.count * stride)
        // A process that is gone will be missed at the next meeting, and named by the heartbeat.
        guard code != 0, code != ESRCH else { return }
        throw .system(
            call: "process_vm_readv", code: code, purpose: "reading the memory of a rank beside")
    }

    /// Where each rank of the group has its buffer, once all have come.
    private func places(
        of buffer: UnsafeMutableBufferPointer<Float>, in group: RankGroup
    ) throws(CommunicationError) -> [Int] {
        let numbers = addresses.room(for: 1 + group.size)
        numbers[0] = Int64(Int(bitPattern: buffer.baseAddress))
        var request: MPI_Request? = mpi_request_null()
        try check(
            MPI_Iallgather(
                numbers.baseAddress, 1, mpi_int64(), numbers.baseAddress.map { $0 + 1 }, 1,
                mpi_int64(), group.communicator, &request), "MPI_Iallgather")
        try poll(&request, since: Machine.seconds())
        return numbers.dropFirst().map(Int.init)
    }

    /// Returns when all ranks of the group have come.
    private func meet(in group: RankGroup) throws(CommunicationError) {
        var request: MPI_Request? = mpi_request_null()
        try check(MPI_Ibarrier(group.communicator, &request), "MPI_Ibarrier")
        try poll(&request, since: Machine.seconds())
    }
}
