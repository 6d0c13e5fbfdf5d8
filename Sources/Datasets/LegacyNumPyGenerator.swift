/// NumPy's older random generator, what `numpy.random.seed(seed)` sets and `numpy.random` draws from.
///
/// LLaMA-Factory draws the rows of `num_samples` from it. Source: NumPy's legacy distributions
/// (bounded numbers by masks).
package struct LegacyNumPyGenerator {
    private var twister: MersenneTwister

    /// The generator of `seed`, of which NumPy takes 32 bits.
    package init(seed: UInt64) { twister = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed)) }

    /// A number in 0...largest: the first that is not above it, of as many bits as it has.
    private mutating func upTo(_ largest: UInt32) -> UInt32 {
        guard largest > 0 else { return 0 }
        let mask = UInt32.max >> UInt32(largest.leadingZeroBitCount)
        while true {
            let value = twister.next() & mask
            if value <= largest { return value }
        }
    }

    /// `wanted` of `count` rows as LLaMA-Factory draws them: each once in random order, then any
    /// by chance. For at most 2³² rows.
    package mutating func drawn(_ wanted: Int, of count: Int) -> [Int] {
        guard count > 0 else { return [] }
        var rows = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            rows.swapAt(index, Int(upTo(UInt32(truncatingIfNeeded: index))))
        }
        if wanted <= count { return Array(rows.prefix(wanted)) }
        let largest = UInt32(truncatingIfNeeded: count - 1)
        for _ in count..<wanted { rows.append(Int(upTo(largest))) }
        return rows
    }
}
