/// NumPy's older random generator, what `numpy.random.seed(seed)` sets and `numpy.random` draws from.
///
/// LLaMA-Factory draws the rows of `num_samples` from it. Sources: Matsumoto, Nishimura 1998,
/// "Mersenne Twister" (MT19937 and its seeding by one number); NumPy's legacy distributions
/// (bounded numbers by masks).
package struct LegacyNumPyGenerator {
    private var state: [UInt32]
    private var place: Int
    private static let length = 624

    /// The generator of `seed`, of which NumPy takes 32 bits.
    package init(seed: UInt64) {
        var word = UInt32(truncatingIfNeeded: seed)
        state = []
        state.reserveCapacity(Self.length)
        for index in 0..<UInt32(Self.length) {
            state.append(word)
            word = 1_812_433_253 &* (word ^ word >> 30) &+ index &+ 1
        }
        place = Self.length
    }

    private mutating func next32() -> UInt32 {
        if place == Self.length {
            for index in 0..<Self.length {
                let following = state[(index + 1) % Self.length]
                let joined = state[index] & 0x8000_0000 | following & 0x7fff_ffff
                let twist: UInt32 = joined & 1 == 1 ? 0x9908_b0df : 0
                state[index] = state[(index + 397) % Self.length] ^ joined >> 1 ^ twist
            }
            place = 0
        }
        var word = state[place]
        place += 1
        word ^= word >> 11
        word ^= word << 7 & 0x9d2c_5680
        word ^= word << 15 & 0xefc6_0000
        return word ^ word >> 18
    }

    /// A number in 0...largest: the first that is not above it, of as many bits as it has.
    private mutating func upTo(_ largest: UInt32) -> UInt32 {
        guard largest > 0 else { return 0 }
        let mask = UInt32.max >> UInt32(largest.leadingZeroBitCount)
        while true {
            let value = next32() & mask
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
