import Distributed
import Objectives

extension SampleTable {
    /// All ranks' samples. Collective.
    ///
    /// A sample's number travels before its own numbers, as two float32 of 24 bits each.
    func gathered(
        over communicator: any Communicator
    ) throws(CommunicationError) -> SampleTable {
        guard communicator.size > 1 else { return self }
        var packed: [Float] = []
        packed.reserveCapacity(samples.count * (width + 2))
        for (place, sample) in samples.enumerated() {
            precondition(sample < 1 << 48, "sample \(sample) in a table")
            packed += [Float(sample & 0xFF_FFFF), Float(sample >> 24)]
            packed += row(place)
        }
        let (numbers, counts) = try communicator.allGather(packed)
        let rows = stride(from: 0, to: numbers.count, by: width + 2).map { first -> Row in
            (
                sample: UInt64(numbers[first]) | UInt64(numbers[first + 1]) << 24,
                numbers: Array(numbers[first + 2..<first + 2 + width])
            )
        }
        let before = counts[..<communicator.rank].reduce(0, +) / (width + 2)
        return SampleTable(width: width, rows) {
            (before..<before + samples.count).contains($0)
        }
    }
}
