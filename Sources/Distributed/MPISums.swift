import CMPI

/// Sums of gradients over ranks: which way a buffer takes.
///
/// Every way sends each rank's share of 2 (P − 1)/P of the buffer, whatever P is. See MPINeighbours.swift
/// for ranks of one host that may read each other's memory, MPICirculant.swift for others of one host and
/// for one rank a host, MPITree.swift for powers of two of those, MPIRing.swift for hosts that hold unequal
/// numbers of ranks, and MPINarrow.swift for bfloat16.
extension MPIContext {
    /// Sums in place, piece by piece, so that a piece stays in the cache.
    func sum(
        _ buffer: UnsafeMutableBufferPointer<Float>, wire: WireType
    ) throws(CommunicationError) {
        guard size > 1 else { return }
        if wire == .float32, hosts.isOneLevel {
            if let neighbours, buffer.count >= Self.leastRead {
                return try readSum(buffer, of: neighbours)
            }
            if isPowerOfTwo { return try treeSum(buffer) }
        }
        try forEachPiece(buffer, elements: size * segmentElements) {
            (piece) throws(CommunicationError) in
            switch hosts {
            case .oneLevel: try sum(piece, wire: wire, in: all)
            case .grid(let grid):
                let parts = Slices.even(count: piece.count, among: grid.local.size)
                try localReduceScatter(piece, parts, in: grid.local)
                try sum(piece.part(parts[grid.local.rank]), wire: wire, in: grid.across)
                try localAllGather(piece, parts, in: grid.local)
            case .uneven:
                guard wire == .float32 else { return try sum(piece, wire: wire, in: all) }
                let slices = Slices.even(count: piece.count, among: size)
                try ringReduceScatter(piece, slices)
                try ringAllGather(piece, slices)
            }
        }
    }

    /// Sums a piece over the ranks of a group.
    private func sum(
        _ piece: UnsafeMutableBufferPointer<Float>, wire: WireType, in group: RankGroup
    ) throws(CommunicationError) {
        let slices = Slices.even(count: piece.count, among: group.size)
        switch wire {
        case .bfloat16:
            try narrowReduceScatter(piece, slices, in: group)
            try narrowAllGather(piece, slices, in: group)
        case .float32:
            try circulantReduceScatter(piece, slices, in: group)
            try circulantAllGather(piece, slices, in: group)
        }
    }

    /// Leaves in slice `rank` the sum over ranks; other slices hold whatever it took.
    func reduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, wire: WireType
    ) throws(CommunicationError) {
        guard size > 1 else { return }
        if wire == .float32, hosts.isOneLevel, let neighbours {
            return try readReduceScatter(buffer, slices, of: neighbours)
        }
        try forEachSegment(slices) { (slices) throws(CommunicationError) in
            switch hosts {
            case .oneLevel: try reduceScatter(buffer, slices, wire: wire, in: all)
            case .grid(let grid):
                for ranks in grid.ranks {
                    try localReduceScatter(buffer, slices.of(ranks), in: grid.local)
                }
                let column = grid.ranks.map { $0[grid.local.rank] }
                try reduceScatter(buffer, slices.of(column), wire: wire, in: grid.across)
            case .uneven:
                guard wire == .float32 else {
                    return try reduceScatter(buffer, slices, wire: wire, in: all)
                }
                try ringReduceScatter(buffer, slices)
            }
        }
    }

    private func reduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, wire: WireType,
        in group: RankGroup
    ) throws(CommunicationError) {
        switch wire {
        case .bfloat16: try narrowReduceScatter(buffer, slices, in: group)
        case .float32: try circulantReduceScatter(buffer, slices, in: group)
        }
    }

    /// Fills every slice from the rank that owns it.
    func allGather(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices
    ) throws(CommunicationError) {
        guard size > 1 else { return }
        if hosts.isOneLevel, let neighbours {
            return try readAllGather(buffer, slices, of: neighbours)
        }
        try forEachSegment(slices) { (slices) throws(CommunicationError) in
            switch hosts {
            case .oneLevel: try circulantAllGather(buffer, slices, in: all)
            case .grid(let grid):
                let column = grid.ranks.map { $0[grid.local.rank] }
                try circulantAllGather(buffer, slices.of(column), in: grid.across)
                for ranks in grid.ranks {
                    try localAllGather(buffer, slices.of(ranks), in: grid.local)
                }
            case .uneven: try ringAllGather(buffer, slices)
            }
        }
    }

    private func localReduceScatter(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        guard let neighbours, slices.total >= Self.leastRead else {
            return try circulantReduceScatter(buffer, slices, in: group)
        }
        try readReduceScatter(buffer, slices, of: neighbours)
    }

    private func localAllGather(
        _ buffer: UnsafeMutableBufferPointer<Float>, _ slices: Slices, in group: RankGroup
    ) throws(CommunicationError) {
        guard let neighbours, slices.total >= Self.leastRead else {
            return try circulantAllGather(buffer, slices, in: group)
        }
        try readAllGather(buffer, slices, of: neighbours)
    }

    /// Elements from which on reading each other's memory, with two meetings, beats messages.
    private static let leastRead = 1 << 16

    /// Elements of one rank's slice that move at a time: a piece over all ranks, but messages that
    /// are not mostly latency.
    private var segmentElements: Int { max(pieceElements / size, 4096) }

    private func forEachSegment(
        _ slices: Slices, _ body: (Slices) throws(CommunicationError) -> Void
    ) throws(CommunicationError) {
        for start in stride(from: 0, to: slices.longest, by: segmentElements) {
            try body(slices.segment(from: start, length: segmentElements))
        }
    }

    /// `target` += `source`, with Open MPI's vector loops.
    func add(
        _ source: UnsafeMutableBufferPointer<Float>, to target: UnsafeMutableBufferPointer<Float>
    ) throws(CommunicationError) {
        guard !target.isEmpty else { return }
        try check(
            MPI_Reduce_local(
                source.baseAddress, target.baseAddress, Int32(target.count), mpi_float(),
                mpi_sum()),
            "MPI_Reduce_local")
    }

    /// Calls `body` with consecutive parts of the buffer.
    func forEachPiece(
        _ buffer: UnsafeMutableBufferPointer<Float>, elements: Int,
        _ body: (UnsafeMutableBufferPointer<Float>) throws(CommunicationError) -> Void
    ) throws(CommunicationError) {
        var start = 0
        while start < buffer.count {
            let end = min(start + elements, buffer.count)
            try body(buffer.part(start..<end))
            start = end
        }
    }
}
