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

    private static let tries = 9
    /// Seconds of a sum that is long enough to tell, and short enough not to delay a run's start.
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
        compute()
        var buffer = room.part(0..<fewestElements)
        try communicator.beginSum(buffer, wire: wire).wait()
        var first = try seconds(communicator) { () throws(CommunicationError) in
            try communicator.beginSum(buffer, wire: wire).wait()
        }
        let factor = max(1, min(Double(room.count), wanted / max(first, 1e-6)))
        let elements = min(room.count, Int(Double(fewestElements) * factor))
        buffer = room.part(0..<elements)
        first = try seconds(communicator) { () throws(CommunicationError) in
            try communicator.beginSum(buffer, wire: wire).wait()
        }
        let product = try seconds(communicator) { () throws(CommunicationError) in compute() }
        let products = max(1, min(100, Int((first / max(product, 1e-6)).rounded())))
        var apart: [Double] = []
        var together: [Double] = []
        for _ in 0..<tries {
            apart.append(
                try seconds(communicator) { () throws(CommunicationError) in
                    for _ in 0..<products { compute() }
                    try communicator.beginSum(buffer, wire: wire).wait()
                })
            together.append(
                try seconds(communicator) { () throws(CommunicationError) in
                    let ticket = try communicator.beginSum(buffer, wire: wire)
                    for _ in 0..<products { compute() }
                    try ticket.wait()
                })
        }
        return OverlapProbe(
            secondsApart: apart.sorted()[tries / 2],
            secondsTogether: together.sorted()[tries / 2])
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
