import Datasets

/// Python's `random.Random(seed)`: the samples and orders that other programs' scores rest on.
///
/// Source: CPython 3.11, Modules/_randommodule.c and Lib/random.py (`_randbelow_with_getrandbits`,
/// `shuffle`, `sample`).
package struct PythonRandom: Sendable {
    private var twister: MersenneTwister

    package init(seed: Int) {
        let magnitude = UInt64(seed.magnitude)
        var key = [UInt32(truncatingIfNeeded: magnitude)]
        if magnitude >> 32 > 0 { key.append(UInt32(truncatingIfNeeded: magnitude >> 32)) }
        twister = MersenneTwister(key: key)
    }

    /// The next `count` bits, 1 to 32 of them.
    private mutating func bits(_ count: Int) -> Int { Int(twister.next() >> UInt32(32 - count)) }

    /// The next 32 bits.
    package mutating func word() -> UInt32 { twister.next() }

    /// A number on [0, 1) of 53 bits (`random.random()`).
    package mutating func uniform() -> Double {
        let (high, low) = (Double(twister.next() >> 5), Double(twister.next() >> 6))
        return (high * 67_108_864 + low) / 9_007_199_254_740_992
    }

    /// A number in 0..<n.
    package mutating func below(_ n: Int) -> Int {
        precondition((1...Int(UInt32.max)).contains(n), "a number below \(n)")
        let width = Int.bitWidth - n.leadingZeroBitCount
        while true {
            let value = bits(width)
            if value < n { return value }
        }
    }

    package mutating func shuffle<Element>(_ values: inout [Element]) {
        for index in stride(from: values.count - 1, to: 0, by: -1) {
            values.swapAt(index, below(index + 1))
        }
    }

    /// `k` different places of `n`, in the order of their draw.
    package mutating func sample(_ k: Int, of n: Int) -> [Int] {
        precondition((0...n).contains(k), "a sample of \(k) out of \(n)")
        var setSize = 21
        if k > 5 {
            // 4 to the power of ⌈log₄ 3k⌉.
            var power = 1
            while power < 3 * k { power *= 4 }
            setSize += power
        }
        var found: [Int] = []
        if n <= setSize {
            var pool = Array(0..<n)
            for index in 0..<k {
                let place = below(n - index)
                found.append(pool[place])
                pool[place] = pool[n - index - 1]
            }
            return found
        }
        var taken: Set<Int> = []
        for _ in 0..<k {
            var place = below(n)
            while !taken.insert(place).inserted { place = below(n) }
            found.append(place)
        }
        return found
    }
}
