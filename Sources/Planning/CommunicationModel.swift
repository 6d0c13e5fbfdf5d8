/// What the sums and gathers of a step cost, as the communication room makes them.
///
/// Formulas: α + nβ for each exchange and nγ for each addition, in the rounds of Rabenseifner's
/// halving (Thakur, Rabenseifner and Gropp 2005, IJHPCA 19(1), pages 49–66) and of the circulant
/// reduce-scatter (Träff 2024, arXiv:2410.14234). Rounds between ranks of one node use its memory,
/// others its network link, which ranks that send at the same time share.
package struct CommunicationModel: Sendable {
    package var layout: RankLayout
    /// Between ranks of one node.
    package var within: LinkModel
    /// Between nodes.
    package var between: LinkModel
    /// Bytes of float32 a second that one rank adds to others (1/γ).
    package var reductionRate: Double
    /// Bytes a second that one thread copies.
    package var copyRate: Double
    /// Whether sums run while the step computes, so that the wait for them is a poll that sleeps.
    package var sleeps = false

    package init(
        layout: RankLayout, within: LinkModel, between: LinkModel, reductionRate: Double,
        copyRate: Double = .infinity
    ) {
        self.layout = layout
        self.within = within
        self.between = between
        self.reductionRate = reductionRate
        self.copyRate = copyRate
    }

    /// Large buffers move in pieces of this many bytes, as in `MPICommunicator`.
    static let pieceBytes = 4_194_304.0
    /// The least bytes of a rank's slice of a piece, where the buffer has as many.
    static let shortestSlice = 16384.0
    /// Tree sums exchange pieces below this many bytes whole.
    static let shortestHalved = 16384.0
    /// Ranks with which slices of bfloat16 are exchanged at a time.
    static let partnersAtOnce = 8
    /// A rank that waits in a meeting of ranks looks at it without sleeping for this many seconds,
    static let patience = 1e-3
    /// and then sleeps about this long between two looks: 50 µs and the system's slack.
    static let nap = 1.1e-4

    /// Ranks that exchange with each other over links of one kind.
    private struct Group {
        let size: Int
        let link: LinkModel
        /// Ranks of a node that use its link at the same time.
        let sharers: Int
    }

    private var ranks: Int { layout.ranks }
    private var isPowerOfTwo: Bool { ranks & (ranks - 1) == 0 }
    private var isGrid: Bool { layout.nodes > 1 && layout.ranksPerNode > 1 }
    private var local: Group { Group(size: layout.ranksPerNode, link: within, sharers: 1) }
    private var across: Group {
        Group(size: layout.nodes, link: between, sharers: layout.ranksPerNode)
    }
    /// All ranks, where they lie on one node or on a node each.
    private var all: Group { layout.nodes > 1 ? across : local }

    /// An exchange of `bytes` each way, made by all ranks of the group at once.
    private func exchange(_ bytes: Double, _ group: Group) -> Double {
        guard bytes > 0 else { return 0 }
        return group.link.seconds(bytes, sharers: group.sharers) + (sleeps ? Self.nap / 2 : 0)
    }

    private func adding(_ bytes: Double) -> Double { bytes / reductionRate }

    // MARK: sums

    /// Sums `bytes` of float32; the result on every rank.
    /// - Parameter narrow: whether they travel as bfloat16, added in float32.
    package func sum(_ bytes: Double, narrow: Bool = false) -> Double {
        guard ranks > 1 else { return 0 }
        if !narrow, isPowerOfTwo, !isGrid { return treeSum(bytes) }
        return inPieces(bytes) { piece in
            guard isGrid else { return sum(piece, narrow: narrow, all) }
            return circulantReduceScatter(piece, local)
                + sum(piece / Double(local.size), narrow: narrow, across)
                + circulantAllGather(piece, local)
        }
    }

    private func sum(_ bytes: Double, narrow: Bool, _ group: Group) -> Double {
        guard narrow else {
            return circulantReduceScatter(bytes, group) + circulantAllGather(bytes, group)
        }
        // What arrives is widened, what leaves rounded: each like an addition.
        return narrowReduceScatter(bytes, group) + circulantAllGather(bytes / 2, group)
            + adding(bytes)
    }

    /// Sums, each rank keeps its slice.
    package func reduceScatter(_ bytes: Double, narrow: Bool = false) -> Double {
        guard ranks > 1 else { return 0 }
        return inPieces(bytes) { piece in
            let group = isGrid ? across : all
            let part = isGrid ? piece / Double(local.size) : piece
            let last =
                narrow ? narrowReduceScatter(part, group) : circulantReduceScatter(part, group)
            guard isGrid else { return last }
            // The slices of each node's ranks are summed by themselves.
            let nodes = Double(layout.nodes)
            return nodes * circulantReduceScatter(piece / nodes, local) + last
        }
    }

    /// Gives every rank all slices.
    package func allGather(_ bytes: Double) -> Double {
        guard ranks > 1 else { return 0 }
        return inPieces(bytes) { piece in
            guard isGrid else { return circulantAllGather(piece, all) }
            let nodes = Double(layout.nodes)
            return circulantAllGather(piece / Double(local.size), across)
                + nodes * circulantAllGather(piece / nodes, local)
        }
    }

    /// Sums the rows of a table that each rank has: everyone gets and adds all of them.
    /// - Parameter bytes: of one rank's rows.
    package func rowExchange(_ bytes: Double) -> Double {
        guard ranks > 1 else { return 0 }
        let all = bytes * Double(ranks)
        return 2 * meeting + treeHops * (isPowerOfTwo ? 1 : 2) + adding(bytes) + allGather(all)
            + adding(all)
    }

    /// Processor time of the communication thread in a sum: copies of what it sends and receives,
    /// and additions.
    package func processorSeconds(_ bytes: Double, narrow: Bool, scatters: Bool) -> Double {
        guard ranks > 1 else { return 0 }
        let part = bytes * Double(ranks - 1) / Double(ranks)
        let copies = part * (scatters ? 2 : 4) / (narrow ? 2 : 1)
        return copies / copyRate + adding(part) * (narrow ? 2 : 1)
    }

    /// Sums in the aligned tree order, which powers of two ranks, alone on their nodes, always have.
    package func treeSum(_ bytes: Double) -> Double {
        guard ranks > 1 else { return 0 }
        return inPieces(bytes, of: Self.pieceBytes / 4) { piece in
            let whole = piece < Self.shortestHalved
            var part = piece
            var seconds = 0.0
            var distance = 1
            while distance < ranks {
                // Ranks fill nodes one after the other, so short distances stay inside.
                let group = distance < layout.ranksPerNode ? local : across
                if !whole { part /= 2 }
                seconds += (whole ? 1 : 2) * exchange(part, group) + adding(part)
                distance *= 2
            }
            return seconds
        }
    }

    /// ⌈log₂ P⌉ rounds; each passes on the slices that the rounds after it do not.
    private func circulantReduceScatter(_ bytes: Double, _ group: Group) -> Double {
        rounds(bytes, group).reduce(0) { $0 + exchange($1, group) + adding($1) }
    }

    private func circulantAllGather(_ bytes: Double, _ group: Group) -> Double {
        rounds(bytes, group).reduce(0) { $0 + exchange($1, group) }
    }

    /// The bytes of each round; (P − 1)/P of the buffer in all.
    private func rounds(_ bytes: Double, _ group: Group) -> [Double] {
        var sizes: [Double] = []
        var end = group.size
        while end > 1 {
            let skip = (end + 1) / 2
            sizes.append(bytes * Double(end - skip) / Double(group.size))
            end = skip
        }
        return sizes
    }

    /// Every rank sends every other its slice, rounded, and adds what it gets. `bytes` of float32.
    private func narrowReduceScatter(_ bytes: Double, _ group: Group) -> Double {
        let slice = bytes / 2 / Double(group.size)
        var left = group.size - 1
        var seconds = 2 * adding(2 * slice * Double(left))
        while left > 0 {
            let partners = min(left, Self.partnersAtOnce)
            seconds += exchange(slice * Double(partners), group)
            left -= partners
        }
        return seconds
    }

    /// - Parameter most: bytes of a piece; by default what `segmentElements` makes of it.
    private func inPieces(
        _ bytes: Double, of most: Double? = nil, _ seconds: (Double) -> Double
    ) -> Double {
        let most = most ?? max(Self.pieceBytes, Double(ranks) * Self.shortestSlice)
        let whole = (bytes / most).rounded(.down)
        let rest = bytes - whole * most
        return (whole > 0 ? whole * seconds(most) : 0) + (rest > 0 ? seconds(rest) : 0)
    }

    // MARK: small messages

    /// The hops of one way through a binomial tree over all ranks.
    private var treeHops: Double {
        let inside = min(rounds(1, local).count, levels)
        return Double(inside) * within.latency + Double(levels - inside) * between.latency
    }

    /// ⌈log₂ P⌉.
    private var levels: Int {
        ranks > 1 ? Int.bitWidth - (ranks - 1).leadingZeroBitCount : 0
    }

    /// Ranks meet before each collective: a reduction and a broadcast of two words, looked at from
    /// time to time.
    package var meeting: Double {
        let hops = 2 * treeHops
        let isSlow = sleeps || hops > Self.patience
        return ranks > 1 && isSlow ? hops + Double(levels) * Self.nap : hops
    }

    /// The step's all-reduce of a few numbers and the broadcast of rank 0's decision.
    package var control: Double {
        guard ranks > 1 else { return 0 }
        return 2 * meeting + treeHops * (isPowerOfTwo ? 2 : 3)
    }
}
