import CMPI

/// Measures the links between ranks, for `lockstep doctor` and `lockstep bench allreduce`.
package enum LinkProbe {
    /// Asks every rank for its place, plays ping-pong between hosts and within each host, and times
    /// sums of `sumBytes` over all ranks. Collective; every rank gets the report.
    /// - Parameters:
    ///   - messageBytes: Sizes of ping-pong messages, ascending.
    ///   - sumBytes: Sizes of summed buffers.
    package static func run(
        on communicator: any Communicator, messageBytes: [Int] = [8, 1 << 16, 1 << 22],
        sumBytes: [Int] = [1 << 10, 1 << 16, 1 << 20, 1 << 24, 1 << 26], repetitions: Int = 3
    ) throws(CommunicationError) -> LinkReport {
        let places = try askPlaces(communicator)
        var links: [LinkReport.Link] = []
        if let communicator = communicator as? MPICommunicator {
            for (first, second) in pairs(hosts: communicator.hostNames) {
                var points: [LinkReport.Point] = []
                for bytes in messageBytes {
                    points.append(
                        try measure(communicator, first, second, bytes: bytes))
                }
                links.append(
                    LinkReport.Link(
                        firstRank: first, secondRank: second,
                        isSameHost: places[first].host == places[second].host, points: points))
            }
        }
        var sums: [LinkReport.Point] = []
        for bytes in sumBytes {
            sums.append(try measureSum(communicator, bytes: bytes, repetitions: repetitions))
        }
        return LinkReport(
            library: communicator.libraryVersion, places: places, links: links, sums: sums)
    }

    /// Which ranks to pair: the first ranks of every two hosts (neighbours only beyond eight
    /// hosts), then the first two ranks of each host.
    package static func pairs(hosts: [String]) -> [(Int, Int)] {
        var ranks: [String: [Int]] = [:]
        var leaders: [Int] = []
        for (rank, host) in hosts.enumerated() {
            if ranks[host] == nil { leaders.append(rank) }
            ranks[host, default: []].append(rank)
        }
        var pairs: [(Int, Int)] = []
        for first in leaders.indices {
            for second in leaders.indices where second > first {
                guard leaders.count <= 8 || second == first + 1 else { continue }
                pairs.append((leaders[first], leaders[second]))
            }
        }
        for leader in leaders {
            if let members = ranks[hosts[leader]], members.count > 1 {
                pairs.append((members[0], members[1]))
            }
        }
        return pairs
    }

    private static func askPlaces(
        _ communicator: any Communicator
    ) throws(CommunicationError) -> [LinkReport.Place] {
        let mine = [Machine.allowedProcessors(), Machine.memory(), Machine.availableMemory()]
        let texts = try communicator.allGather(mine.map(String.init).joined(separator: " "))
        return texts.enumerated().map { rank, text in
            let numbers = text.split(separator: " ").compactMap { Int($0) }
            precondition(numbers.count == 3, "link probe: '\(text)' of rank \(rank)")
            return LinkReport.Place(
                rank: rank, host: communicator.hostNames[rank], allowedProcessors: numbers[0],
                memory: numbers[1], availableMemory: numbers[2])
        }
    }

    private static func measure(
        _ communicator: MPICommunicator, _ first: Int, _ second: Int, bytes: Int
    ) throws(CommunicationError) -> LinkReport.Point {
        let timing = Timing()
        let rounds = bytes <= 1 << 12 ? 100 : bytes <= 1 << 20 ? 20 : 4
        let collective = Collective(
            kind: .probe, count: bytes, detail: first << 32 | second, bytes: bytes)
        try communicator.run(collective) { (context) throws(CommunicationError) in
            timing.seconds = try context.pingPong(first, second, bytes: bytes, rounds: rounds)
        }
        var values = [timing.seconds]
        try communicator.broadcast(&values, from: first)
        return LinkReport.Point(bytes: bytes, seconds: values[0])
    }

    private final class Timing {
        var seconds = 0.0
    }

    private static func measureSum(
        _ communicator: any Communicator, bytes: Int, repetitions: Int
    ) throws(CommunicationError) -> LinkReport.Point {
        let buffer = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: bytes / MemoryLayout<Float>.stride)
        defer { buffer.deallocate() }
        buffer.initialize(repeating: 0)
        var best = Double.infinity
        for repetition in 0...repetitions {
            try communicator.barrier()
            let start = Machine.seconds()
            try communicator.beginSum(buffer).wait()
            var seconds = [Machine.seconds() - start]
            try communicator.maximum(&seconds)
            // The first one warms buffers and connections.
            if repetition > 0 { best = min(best, seconds[0]) }
        }
        return LinkReport.Point(bytes: bytes, seconds: best)
    }
}

extension MPIContext {
    /// Seconds that a message between two ranks takes one way, on `first`; 0 elsewhere.
    fileprivate func pingPong(
        _ first: Int, _ second: Int, bytes: Int, rounds: Int
    ) throws(CommunicationError) -> Double {
        guard rank == first || rank == second else { return 0 }
        let peer = Int32(rank == first ? second : first)
        var message = [UInt8](repeating: 0, count: bytes)
        let count = Int32(bytes)
        var start = 0.0
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
