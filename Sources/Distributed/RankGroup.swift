import CMPI

/// Ranks that exchange messages: all of a run, those of one host, or one of each host.
struct RankGroup {
    let communicator: MPI_Comm
    /// This rank's number in the group.
    let rank: Int
    let size: Int

    init(communicator: MPI_Comm, rank: Int, size: Int) {
        self.communicator = communicator
        self.rank = rank
        self.size = size
    }

    /// The ranks of `group` that name the same colour, in their order there. Collective.
    init(colour: Int, of group: RankGroup) throws(CommunicationError) {
        var part: MPI_Comm?
        try MPIContext.check(
            MPI_Comm_split(group.communicator, Int32(colour), Int32(group.rank), &part),
            "MPI_Comm_split", rank: group.rank)
        guard let part else { preconditionFailure("MPI_Comm_split: no communicator") }
        try self.init(part)
    }

    /// The ranks of a communicator.
    init(_ communicator: MPI_Comm) throws(CommunicationError) {
        var rank: Int32 = 0
        var size: Int32 = 0
        try MPIContext.check(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank")
        try MPIContext.check(MPI_Comm_size(communicator, &size), "MPI_Comm_size")
        self.init(communicator: communicator, rank: Int(rank), size: Int(size))
    }

    /// The rank that is `distance` further on, at most twice around the end.
    func rank(after distance: Int) -> Int { (rank + distance + 2 * size) % size }

    /// One number from each rank, by rank. Collective.
    func gather(_ number: Int) throws(CommunicationError) -> [Int] {
        var own = Int64(number)
        var numbers = [Int64](repeating: 0, count: size)
        try MPIContext.check(
            MPI_Allgather(&own, 1, mpi_int64(), &numbers, 1, mpi_int64(), communicator),
            "MPI_Allgather", rank: rank)
        return numbers.map(Int.init)
    }
}

/// How ranks lie on hosts, as far as sums care.
enum HostLayout {
    /// One host, or one rank on each.
    case oneLevel
    /// Hosts that hold equally many ranks, several each.
    case grid(HostGrid)
    /// Hosts that hold unequal numbers of ranks.
    case uneven

    var isOneLevel: Bool {
        if case .oneLevel = self { true } else { false }
    }

    var isGrid: Bool {
        if case .grid = self { true } else { false }
    }

    /// Finds out. Collective.
    /// - Parameters:
    ///   - shared: the ranks that share this rank's memory.
    ///   - ranksPerHost: ranks in a row to take for one host's instead.
    init(
        world: RankGroup, shared: MPI_Comm, ranksPerHost: Int?
    ) throws(CommunicationError) {
        let local =
            if let ranksPerHost {
                try RankGroup(colour: world.rank / ranksPerHost, of: world)
            } else {
                try RankGroup(shared)
            }
        let sizes = try world.gather(local.size)
        let places = try world.gather(local.rank)
        guard sizes.contains(where: { $0 > 1 && $0 < world.size }) else {
            self = .oneLevel
            return
        }
        guard Set(sizes).count == 1 else {
            self = .uneven
            return
        }
        let across = try RankGroup(colour: local.rank, of: world)
        let rows = try world.gather(across.rank)
        var ranks = Array(repeating: Array(repeating: 0, count: local.size), count: across.size)
        for rank in 0..<world.size { ranks[rows[rank]][places[rank]] = rank }
        self = .grid(HostGrid(local: local, across: across, ranks: ranks))
    }
}

/// Hosts that hold equally many ranks: sums go through a host's memory first, so that its network
/// link carries every number once.
struct HostGrid {
    /// The ranks of this host.
    let local: RankGroup
    /// One rank of each host: those that have this rank's number in `local`.
    let across: RankGroup
    /// Numbers of the run's ranks, by the number in `across` and then that in `local`.
    let ranks: [[Int]]
}
