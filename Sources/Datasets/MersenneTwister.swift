/// The generator behind Python's `random` and NumPy's older one: MT19937.
///
/// Source: Matsumoto, Nishimura 1998, "Mersenne Twister", and the authors' mt19937ar.c for both seedings.
package struct MersenneTwister: Sendable {
    private var state: [UInt32]
    private var place: Int
    private static let length = 624

    /// Seeded by one number (`init_genrand`), as NumPy does.
    package init(seed: UInt32) {
        var word = seed
        state = []
        state.reserveCapacity(Self.length)
        for index in 0..<UInt32(Self.length) {
            state.append(word)
            word = 1_812_433_253 &* (word ^ word >> 30) &+ index &+ 1
        }
        place = Self.length
    }

    /// Seeded by several numbers (`init_by_array`), as Python does; at least one.
    package init(key: [UInt32]) {
        self.init(seed: 19_650_218)
        precondition(!key.isEmpty, "a generator without a seed")
        var (index, word) = (1, 0)
        func earlier(_ state: [UInt32], _ index: Int) -> UInt32 {
            state[index - 1] ^ state[index - 1] >> 30
        }
        for _ in 0..<max(Self.length, key.count) {
            let mixed = state[index] ^ earlier(state, index) &* 1_664_525
            state[index] = mixed &+ key[word] &+ UInt32(word)
            index += 1
            word = (word + 1) % key.count
            if index == Self.length {
                state[0] = state[Self.length - 1]
                index = 1
            }
        }
        for _ in 1..<Self.length {
            let mixed = state[index] ^ earlier(state, index) &* 1_566_083_941
            state[index] = mixed &- UInt32(index)
            index += 1
            if index == Self.length {
                state[0] = state[Self.length - 1]
                index = 1
            }
        }
        state[0] = 0x8000_0000
    }

    /// The next 32 bits.
    package mutating func next() -> UInt32 {
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
}
