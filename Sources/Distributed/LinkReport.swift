/// What ranks, hosts and the links between them turned out to be.
package struct LinkReport: Equatable, Sendable, Codable {
    /// One rank and where it runs.
    package struct Place: Equatable, Sendable, Codable {
        package let rank: Int
        package let host: String
        /// Processors its binding lets it use.
        package let allowedProcessors: Int
        /// Bytes of memory of its host.
        package let memory: Int
        /// Bytes of memory that its host could still give.
        package let availableMemory: Int
    }

    /// Two ranks that exchanged messages, one on each side.
    package struct Link: Equatable, Sendable, Codable {
        package let firstRank: Int
        package let secondRank: Int
        package let isSameHost: Bool
        /// Seconds one message of a size takes one way.
        package let points: [Point]

        /// Seconds of a message without content: α of the usual cost models.
        package var latency: Double { points.first?.seconds ?? 0 }

        /// Bytes a second one way, from the longest message: 1/β.
        package var bandwidth: Double {
            guard let last = points.last, last.seconds > 0 else { return 0 }
            return Double(last.bytes) / last.seconds
        }
    }

    /// Seconds that a message or a sum of a size took.
    package struct Point: Equatable, Sendable, Codable {
        package let bytes: Int
        package let seconds: Double

        package init(bytes: Int, seconds: Double) {
            self.bytes = bytes
            self.seconds = seconds
        }
    }

    /// The MPI library with its version.
    package let library: String
    package let places: [Place]
    package let links: [Link]
    /// Sums of float32 buffers over all ranks, the slowest rank's time, best of the repetitions.
    package let sums: [Point]

    /// Host names in the order of their first rank.
    package var hosts: [String] {
        var names: [String] = []
        for place in places where !names.contains(place.host) { names.append(place.host) }
        return names
    }

    /// Bytes a second that each rank sends in a sum, if it sends 2 (P − 1)/P of the buffer.
    package func busBandwidth(of point: Point) -> Double {
        guard point.seconds > 0, places.count > 1 else { return 0 }
        let ranks = Double(places.count)
        return 2 * (ranks - 1) / ranks * Double(point.bytes) / point.seconds
    }
}
