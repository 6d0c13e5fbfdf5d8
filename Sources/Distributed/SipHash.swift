/// SipHash-2-4: a hash of 64 bits that nobody can make or check without the key.
///
/// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), section 2. Here the
/// input is whole little-endian words.
package struct SipHash: Sendable {
    private let key: (UInt64, UInt64)

    package init(key first: UInt64, _ second: UInt64) { key = (first, second) }

    /// A key from the system's random numbers, as bytes that ranks can give each other.
    static func randomKey() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// - Parameter bytes: sixteen, as ``randomKey()`` makes them.
    init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.init(key: Self.word(bytes[0..<8]), Self.word(bytes[8..<16]))
    }

    /// The hash of words.
    package func hash(_ words: [UInt64]) -> UInt64 {
        var state = State(key)
        for word in words { state.add(word) }
        // The last block holds the bytes that fill no word, none here, and the length.
        state.add(UInt64(truncatingIfNeeded: words.count * 8) << 56)
        return state.finish()
    }

    /// Eight little-endian bytes as a number.
    static func word(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private struct State {
        private var v: (UInt64, UInt64, UInt64, UInt64)

        init(_ key: (UInt64, UInt64)) {
            v = (
                key.0 ^ 0x736f_6d65_7073_6575, key.1 ^ 0x646f_7261_6e64_6f6d,
                key.0 ^ 0x6c79_6765_6e65_7261, key.1 ^ 0x7465_6462_7974_6573
            )
        }

        mutating func add(_ word: UInt64) {
            v.3 ^= word
            for _ in 0..<2 { round() }
            v.0 ^= word
        }

        mutating func finish() -> UInt64 {
            v.2 ^= 0xFF
            for _ in 0..<4 { round() }
            return v.0 ^ v.1 ^ v.2 ^ v.3
        }

        private mutating func round() {
            v.0 &+= v.1
            v.1 = rotated(v.1, 13) ^ v.0
            v.0 = rotated(v.0, 32)
            v.2 &+= v.3
            v.3 = rotated(v.3, 16) ^ v.2
            v.0 &+= v.3
            v.3 = rotated(v.3, 21) ^ v.0
            v.2 &+= v.1
            v.1 = rotated(v.1, 17) ^ v.2
            v.2 = rotated(v.2, 32)
        }

        private func rotated(_ x: UInt64, _ bits: UInt64) -> UInt64 {
            x << bits | x >> (64 - bits)
        }
    }
}
