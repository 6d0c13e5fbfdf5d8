/// NumPy's default random generator, `numpy.random.default_rng(seed)`.
///
/// The datasets library, on which LLaMA-Factory divides and mixes data, draws from it; the same
/// seed so gives the same rows here. Sources: O'Neill 2014, "PCG: A Family of Simple Fast
/// Space-Efficient Statistically Good Algorithms for Random Number Generation" (PCG XSL-RR
/// 128/64); O'Neill 2015, "Developing a seed_seq Alternative" (seeding).
struct NumPyGenerator {
    private var state: UInt128 = 0
    private let increment: UInt128
    /// The upper half of a number whose lower half was given out.
    private var kept: UInt32?

    private static let multiplier = UInt128(0x2360_ED05_1FC6_5DA4) << 64 | 0x4385_DF64_9FCC_F645

    /// The generator of `seed`.
    init(seed: UInt64) {
        let words = SeedSequence(seed).words()
        increment = (UInt128(words[2]) << 64 | UInt128(words[3])) << 1 | 1
        step()
        state &+= UInt128(words[0]) << 64 | UInt128(words[1])
        step()
    }

    private mutating func step() { state = state &* Self.multiplier &+ increment }

    /// 64 random bits.
    mutating func next64() -> UInt64 {
        step()
        let folded = UInt64(truncatingIfNeeded: state >> 64) ^ UInt64(truncatingIfNeeded: state)
        let turn = UInt64(truncatingIfNeeded: state >> 122)
        return folded >> turn | folded << ((64 &- turn) & 63)
    }

    private mutating func next32() -> UInt32 {
        if let half = kept {
            kept = nil
            return half
        }
        let both = next64()
        kept = UInt32(truncatingIfNeeded: both >> 32)
        return UInt32(truncatingIfNeeded: both)
    }

    /// A number in 0..<1 (`random()`).
    mutating func uniform() -> Double { Double(next64() >> 11) * 0x1p-53 }

    /// A number in 0...largest: the first that is not above it, of as many bits as it has.
    private mutating func upTo(_ largest: UInt32) -> UInt32 {
        let mask = UInt32.max >> UInt32(largest.leadingZeroBitCount)
        while true {
            let value = next32() & mask
            if value <= largest { return value }
        }
    }

    /// 0..<count in random order (`permutation(count)`), for less than 2³² values.
    mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(index, Int(upTo(UInt32(index))))
        }
        return order
    }

    /// An index by probability (`choice(n, p=…)`).
    mutating func choice(_ probabilities: [Double]) -> Int {
        var sums: [Double] = []
        var sum = 0.0
        for probability in probabilities {
            sum += probability
            sums.append(sum)
        }
        let place = uniform()
        return sums.firstIndex { $0 / sum > place } ?? probabilities.count - 1
    }
}

/// How NumPy spreads a seed over the bits of a generator's state.
private struct SeedSequence {
    private var pool: [UInt32]

    init(_ seed: UInt64) {
        var entropy = [
            UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32), 0, 0,
        ]
        var constant: UInt32 = 0x43b0_d7e5
        func hashed(_ value: UInt32) -> UInt32 {
            var value = value ^ constant
            constant = constant &* 0x931e_8875
            value = value &* constant
            return value ^ value >> 16
        }
        for index in entropy.indices { entropy[index] = hashed(entropy[index]) }
        for source in entropy.indices {
            for target in entropy.indices where target != source {
                let mixed =
                    0xca01_f9dd &* entropy[target] &- 0x4973_f715 &* hashed(entropy[source])
                entropy[target] = mixed ^ mixed >> 16
            }
        }
        pool = entropy
    }

    /// Four words of state.
    func words() -> [UInt64] {
        var constant: UInt32 = 0x8b51_f9dd
        let halves = (0..<8).map { index -> UInt32 in
            var value = pool[index % 4] ^ constant
            constant = constant &* 0x58f3_8ded
            value = value &* constant
            return value ^ value >> 16
        }
        return (0..<4).map { UInt64(halves[2 * $0]) | UInt64(halves[2 * $0 + 1]) << 32 }
    }
}
