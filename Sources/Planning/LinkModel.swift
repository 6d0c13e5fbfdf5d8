package import Distributed

/// What a message between two ranks costs: the α and β of the usual cost models.
package struct LinkModel: Equatable, Sendable, Codable {
    /// Seconds of a message without content, one way (α).
    package var latency: Double
    /// Further seconds of a message above ``longestEager``: sender and receiver agree first.
    package var rendezvous: Double
    /// Bytes a second, one way, that ranks of a host share (1/β).
    package var bytesPerSecond: Double
    /// The most that one rank moves, whatever the link could: it copies what it sends and receives.
    package var bytesPerSecondOfRank: Double

    package init(
        latency: Double, rendezvous: Double, bytesPerSecond: Double,
        bytesPerSecondOfRank: Double = .greatestFiniteMagnitude
    ) {
        self.latency = latency
        self.rendezvous = rendezvous
        self.bytesPerSecond = bytesPerSecond
        self.bytesPerSecondOfRank = bytesPerSecondOfRank
    }

    /// Open MPI sends TCP messages up to this many bytes without asking (btl_tcp_eager_limit).
    package static let longestEager = 65536.0
    /// Sizes of the ping-pong messages that ``init(points:)`` wants.
    static let probeBytes = [8, 1 << 20, 1 << 22]

    /// An Ethernet link that nobody has measured.
    ///
    /// Of the line rate 94 % are left for content: frames of 1,538 bytes carry 1,448.
    /// - Parameter bytesPerSecondOfRank: as the property says.
    package static func ethernet(
        gigabits: Double, latency: Double, bytesPerSecondOfRank: Double
    ) -> LinkModel {
        LinkModel(
            latency: latency, rendezvous: 2 * latency, bytesPerSecond: gigabits * 1e9 / 8 * 0.94,
            bytesPerSecondOfRank: bytesPerSecondOfRank)
    }

    /// The line through measured one-way times, the shortest message first; at least two sizes.
    package init?(points: [LinkReport.Point]) {
        guard let first = points.first, let last = points.last, points.count > 1 else { return nil }
        let middle = points[points.count - 2]
        let slope = (last.seconds - middle.seconds) / Double(last.bytes - middle.bytes)
        guard slope > 0, first.seconds > 0 else { return nil }
        self.init(
            latency: first.seconds,
            rendezvous: max(0, last.seconds - slope * Double(last.bytes) - first.seconds),
            bytesPerSecond: 1 / slope)
    }

    /// Seconds of a message while `sharers` ranks of each host use the link in the same way.
    package func seconds(_ bytes: Double, sharers: Int = 1) -> Double {
        guard bytes > 0 else { return 0 }
        return latency + (bytes > Self.longestEager ? rendezvous : 0)
            + bytes / min(bytesPerSecond / Double(sharers), bytesPerSecondOfRank)
    }
}

/// How many ranks there are, and how they lie on nodes: consecutive ranks fill a node.
package struct RankLayout: Equatable, Hashable, Sendable, Codable {
    package var nodes: Int
    package var ranksPerNode: Int

    package init(nodes: Int, ranksPerNode: Int) {
        self.nodes = nodes
        self.ranksPerNode = ranksPerNode
    }

    package var ranks: Int { nodes * ranksPerNode }
}
