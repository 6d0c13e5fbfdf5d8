/// Random numbers of one sample, the same wherever they are drawn.
package struct Draws: Sendable {
    private let key: UInt64
    private var count: UInt64 = 0

    /// - Parameter stream: for numbers beside others of the same sample.
    package init(seed: UInt64, sample: UInt64, stream: UInt64 = 0) {
        let own = KeyedPermutation.mix(KeyedPermutation.mix(seed) ^ sample)
        key = stream == 0 ? own : KeyedPermutation.mix(own ^ (stream &* Self.step))
    }

    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// On [0, 1), of 53 bits.
    package mutating func uniform() -> Double {
        count += 1
        let bits = KeyedPermutation.mix(key &+ count &* Self.step)
        return Double(bits >> 11) * 0x1p-53
    }

    /// 0 up to `count`, each as likely.
    package mutating func below(_ count: Int) -> Int { Int(uniform() * Double(count)) }

    /// The number of the share that a draw falls into; shares need not add up to 1.
    package mutating func choice(_ shares: [Double]) -> Int {
        var left = uniform() * shares.reduce(0, +)
        for (number, share) in shares.enumerated() {
            left -= share
            if left < 0 { return number }
        }
        return shares.lastIndex { $0 > 0 } ?? 0
    }

    /// All numbers below `count` in an order drawn by Fisher and Yates' shuffle, from the end.
    package mutating func order(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, below(last + 1)) }
        return order
    }
}
