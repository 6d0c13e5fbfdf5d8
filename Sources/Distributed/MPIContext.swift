import CMPI
import Foundation

/// MPI as the communication thread sees it. Only that thread may touch an instance.
final class MPIContext {
    let rank: Int
    let size: Int
    let localRank: Int
    let localSize: Int
    let hostName: String
    let libraryVersion: String
    /// Large buffers move in pieces of this many floats, so that a piece stays in the cache.
    let pieceElements: Int
    /// Numbers that arrived and are still to be added.
    let scratch = Staging<Float>()
    /// bfloat16 numbers on their way to other ranks, and from them.
    let narrowOut = Staging<UInt16>()
    let narrowIn = Staging<UInt16>()
    /// Where ranks hold what others read.
    let addresses = Staging<Int64>()
    let world: MPI_Comm
    /// The ranks of the run as a group.
    let all: RankGroup
    let hosts: HostLayout
    /// How ranks of this host read each other's memory; `nil` where they may not, or there are none.
    let neighbours: Neighbours?
    /// Whether there are such ranks and they may not.
    let isKeptFromNeighbours: Bool
    /// All ranks' memory; `nil` where one of them cannot be read.
    var neighbourMemory: NeighbourMemory? {
        guard let neighbours, neighbours.group.size == size else { return nil }
        return NeighbourMemory(processes: neighbours.processes)
    }
    let queue: JobQueue
    /// Bytes that exchanges of this rank have sent.
    var sentBytes = 0

    private let local: MPI_Comm
    /// What this rank asks for and what all ranks ask for, two words each.
    private let meeting: UnsafeMutablePointer<Int64>
    private var sequence = 0

    /// Starts MPI. Must be the first thing the communication thread does.
    /// - Parameter ranksPerHost: Ranks in a row that sums take for one host's; `nil` asks MPI.
    init(
        pieceBytes: Int, ranksPerHost: Int?, queue: JobQueue
    ) throws(CommunicationError) {
        let hostName = Machine.hostName()
        // Open MPI reads these settings when it starts; what the user gave to mpirun goes before.
        for (name, value) in Self.settings { setenv("OMPI_MCA_\(name)", value, 0) }
        var provided: Int32 = 0
        try Self.check(
            MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided), "MPI_Init_thread")
        let world: MPI_Comm = mpi_comm_world()
        var rank: Int32 = 0
        var size: Int32 = 0
        try Self.check(
            MPI_Comm_set_errhandler(world, mpi_errors_return()), "MPI_Comm_set_errhandler")
        try Self.check(MPI_Comm_rank(world, &rank), "MPI_Comm_rank")
        try Self.check(MPI_Comm_size(world, &size), "MPI_Comm_size")
        var shared: MPI_Comm?
        try Self.check(
            MPI_Comm_split_type(world, Int32(MPI_COMM_TYPE_SHARED), rank, mpi_info_null(), &shared),
            "MPI_Comm_split_type", rank: Int(rank))
        guard let shared else { preconditionFailure("MPI_Comm_split_type: no communicator") }
        var localRank: Int32 = 0
        var localSize: Int32 = 0
        try Self.check(MPI_Comm_rank(shared, &localRank), "MPI_Comm_rank")
        try Self.check(MPI_Comm_size(shared, &localSize), "MPI_Comm_size")

        self.rank = Int(rank)
        self.size = Int(size)
        self.localRank = Int(localRank)
        self.localSize = Int(localSize)
        self.hostName = hostName
        self.queue = queue
        self.world = world
        local = shared
        all = RankGroup(communicator: world, rank: Int(rank), size: Int(size))
        hosts = try HostLayout(
            world: all, shared: shared, ranksPerHost: ranksPerHost)
        let onOneHost = size > 1 && (ranksPerHost ?? Int(localSize)) >= Int(size)
        neighbours = try Neighbours(hosts, all: all, onOneHost: onOneHost)
        isKeptFromNeighbours = neighbours == nil && (onOneHost || hosts.isGrid)
        libraryVersion = Self.version()
        pieceElements = max(pieceBytes / MemoryLayout<Float>.stride, 1024)
        meeting = .allocate(capacity: 4)
        meeting.initialize(repeating: 0, count: 4)
    }

    deinit {
        meeting.deallocate()
    }

    /// What spins in MPI spins on a core that computes, too. Over TCP every message of an exchange, of
    /// a piece at most, goes out at once: with a meeting before each (above 64 KiB, as Open MPI has it)
    /// traffic both ways on one connection moves at half the rate of the link.
    private static let settings = [
        ("mpi_yield_when_idle", "1"),
        ("btl_tcp_eager_limit", "\(largestMessage)"),
        ("btl_tcp_max_send_size", "\(largestMessage)"),
    ]

    /// Bytes: a piece, and room for Open MPI's header.
    private static let largestMessage = (4 << 20) + (64 << 10)

    /// Throws unless the call succeeded.
    func check(_ code: Int32, _ call: String) throws(CommunicationError) {
        try Self.check(code, call, rank: rank)
    }

    static func check(
        _ code: Int32, _ call: String, rank: Int = 0
    ) throws(CommunicationError) {
        guard code != MPI_SUCCESS else { return }
        let message = text(capacity: Int(MPI_MAX_ERROR_STRING)) {
            MPI_Error_string(code, $0, $1)
        }
        throw .mpi(call: call, message: message, rank: rank, host: Machine.hostName())
    }

    private static func version() -> String {
        let long = text(capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING)) {
            MPI_Get_library_version($0, $1)
        }
        let short = long.split(separator: ",").first.map(String.init) ?? long
        return short.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func text(
        capacity: Int, _ fill: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
    ) -> String {
        var characters = [CChar](repeating: 0, count: capacity + 1)
        var length: Int32 = 0
        guard fill(&characters, &length) == MPI_SUCCESS else { return "unknown" }
        return String(
            decoding: characters.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Returns when all ranks have come to the same collective; the seconds that took.
    ///
    /// Blocking collectives spin while they wait for late ranks. Here the wait is a poll that
    /// sleeps, so a late rank costs this rank's computation nothing; then the collective itself,
    /// entered by all, runs at full speed.
    /// - Throws: ``CommunicationError/mismatchedCollective(calls:)``, on every rank.
    func meet(for collective: Collective) throws(CommunicationError) -> Double {
        guard size > 1 else { return 0 }
        let start = Machine.seconds()
        sequence += 1
        let fingerprint = collective.fingerprint(sequence: sequence)
        meeting[0] = fingerprint
        meeting[1] = -fingerprint
        var request: MPI_Request? = mpi_request_null()
        try check(
            MPI_Iallreduce(meeting, meeting + 2, 2, mpi_int64(), mpi_max(), world, &request),
            "MPI_Iallreduce")
        try poll(&request, since: start)
        guard meeting[2] == -meeting[3] else {
            throw .mismatchedCollective(calls: try describeMismatch(collective))
        }
        return Machine.seconds() - start
    }

    /// Tests a request until it is complete, politely.
    func poll(
        _ request: inout MPI_Request?, since start: Double
    ) throws(CommunicationError) {
        var flag: Int32 = 0
        while true {
            try check(MPI_Test(&request, &flag, mpi_status_ignore()), "MPI_Test")
            if flag != 0 { return }
            if Machine.seconds() - start < Self.patience && queue.isCallerWaiting {
                sched_yield()
            } else {
                usleep(Self.nap)
            }
        }
    }

    /// Seconds of polling without sleep, where this rank's computation waits for us anyway.
    private static let patience = 0.001
    /// Microseconds between two looks at a request.
    static let nap: UInt32 = 50

    private func describeMismatch(_ collective: Collective) throws(CommunicationError) -> String {
        let calls = try gather(text: "\(collective) as call \(sequence)")
        let hosts = try gather(text: hostName)
        let groups = Grouping(calls).groups.map { group in
            "\(group.value) on \(describeRanks(group.ranks, hosts: hosts))"
        }
        return groups.joined(separator: ", but ")
    }

    /// Ends MPI.
    func finalize() throws(CommunicationError) {
        var shared: MPI_Comm? = local
        try check(MPI_Comm_free(&shared), "MPI_Comm_free")
        try check(MPI_Finalize(), "MPI_Finalize")
    }
}
