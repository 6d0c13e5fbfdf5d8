/// A permutation of 0..<count that is computed one element at a time, without a table.
///
/// A Feistel network over pairs (a, b) with a·b just above `count`, walked until it lands inside
/// (cycle walking); with its rounds keyed by a hash it serves shuffling, not secrecy.
/// Source: Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains", methods 2 and 3.
package struct KeyedPermutation: Sendable {
    package let count: Int
    private let left: UInt64
    private let right: UInt64
    private let key: UInt64

    private static let rounds: UInt64 = 8

    /// The permutation number `stream` of `seed`.
    package init(count: Int, seed: UInt64, stream: UInt64) {
        precondition(count >= 0, "permutation of \(count)")
        self.count = count
        var side = UInt64(Double(max(count, 1)).squareRoot())
        while side * side < UInt64(count) { side += 1 }
        left = max(side, 1)
        right = max((UInt64(count) + left - 1) / left, 1)
        key = KeyedPermutation.mix(KeyedPermutation.mix(seed) ^ stream)
    }

    /// Where `index` goes.
    package func callAsFunction(_ index: Int) -> Int {
        precondition(index >= 0 && index < count, "permutation: \(index) of \(count)")
        var value = UInt64(index)
        repeat { value = step(value) } while value >= UInt64(count)
        return Int(value)
    }

    /// One pass through the network, a permutation of 0..<left·right.
    private func step(_ value: UInt64) -> UInt64 {
        var (a, b) = (value / right, value % right)
        for round in 0..<KeyedPermutation.rounds {
            let roundKey = key &+ (round + 1) &* 0x9E37_79B9_7F4A_7C15
            if round % 2 == 0 {
                a = (a + KeyedPermutation.mix(roundKey ^ b) % left) % left
            } else {
                b = (b + KeyedPermutation.mix(roundKey ^ a) % right) % right
            }
        }
        return a * right + b
    }

    /// SplitMix64's output function.
    /// Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators".
    package static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
