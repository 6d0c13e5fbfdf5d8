/// Measures whether sums go on beside computation, or take as much from it as they take alone.
///
/// On a slow link a sum mostly waits, and computing meanwhile is free. Between ranks of one machine it
/// copies and adds, on a processor that the computation may need: then nothing is won.
package struct OverlapProbe: Equatable, Sendable {
    /// Seconds of some computation and a sum after it; of the slowest rank, median of some tries.
    package let secondsApart: Double
    /// Seconds of the same with the sum under way meanwhile.
    package let secondsTogether: Double

    /// Whether the difference is more than chance.
    package var pays: Bool { secondsTogether < 0.95 * secondsApart }

    private static let mostTries = 9
    private static let fewestTries = 3
    /// Seconds after which no more tries are made: a run's start should not be delayed.
    private static let patience = 0.3
    /// Seconds of a sum, and of computation, that are long enough to tell.
    private static let wanted = 0.01
    private static let fewestElements = 1 << 16

    /// Computes and sums for a fraction of a second. Collective; every rank gets the same figures.
    /// - Parameters:
    ///   - mostBytes: of a summed buffer, float32.
    ///   - compute: about a millisecond of what the step does, on all its threads.
    package static func run(
        on communicator: any Communicator, mostBytes: Int, wire: WireType, compute: () -> Void
    ) throws(CommunicationError) -> OverlapProbe {
        let room = UnsafeMutableBufferPointer<Float>.allocate(
            capacity: max(fewestElements, mostBytes / MemoryLayout<Float>.stride))
        defer { room.deallocate() }
        room.initialize(repeating: 0)
        let short = room.part(0..<fewestElements)
        let sum = try shortest(communicator) { () throws(CommunicationError) in
            try communicator.beginSum(short, wire: wire).wait()
        }
        let product = try shortest(communicator) { () throws(CommunicationError) in compute() }
        let factor = min(Double(room.count) / Double(fewestElements), max(1, wanted / sum))
        let buffer = room.part(0..<Int(Double(fewestElements) * factor))
        let products = Int(max(1, min(sum * factor, wanted) / product))
        var apart: [Double] = []
        var together: [Double] = []
        var spent = 0.0
        while apart.count < mostTries, apart.count < fewestTries || spent < patience {
            let one = try seconds(communicator) { () throws(CommunicationError) in
                for _ in 0..<products { compute() }
                try communicator.beginSum(buffer, wire: wire).wait()
            }
            let other = try seconds(communicator) { () throws(CommunicationError) in
                let ticket = try communicator.beginSum(buffer, wire: wire)
                for _ in 0..<products { compute() }
                try ticket.wait()
            }
            apart.append(one)
            together.append(other)
            spent += one + other
        }
        return OverlapProbe(
            secondsApart: apart.sorted()[apart.count / 2],
            secondsTogether: together.sorted()[together.count / 2])
    }

    /// Seconds of `body`, the shortest of three after one that warms caches and connections.
    private static func shortest(
        _ communicator: any Communicator, _ body: () throws(CommunicationError) -> Void
    ) throws(CommunicationError) -> Double {
        try body()
        var best = Double.infinity
        for _ in 0..<3 { best = min(best, try seconds(communicator, body)) }
        return max(best, 1e-6)
    }

    /// Seconds of `body` on the slowest rank.
    private static func seconds(
        _ communicator: any Communicator, _ body: () throws(CommunicationError) -> Void
    ) throws(CommunicationError) -> Double {
        try communicator.barrier()
        let start = Machine.seconds()
        try body()
        var seconds = [Machine.seconds() - start]
        try communicator.maximum(&seconds)
        return seconds[0]
    }
}
