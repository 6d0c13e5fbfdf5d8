private import CKernels

/// Numbers that are a function of (seed, name or step, index): no generator is shared or stored.
package enum RandomStream {
    /// A well-mixed key from two. Source: the finaliser of SplitMix64.
    package static func mixed(_ a: UInt64, _ b: UInt64) -> UInt64 {
        var z = a &+ 0x9E37_79B9_7F4A_7C15 &* (b &+ 1)
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The key of the stream with a name. Source: FNV-1a, 64 bits, then mixed with the seed.
    package static func key(seed: UInt64, name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return mixed(seed, hash)
    }
}

extension Workspace {
    /// Fills x (count, float32) with numbers of the normal distribution N(0, deviation²).
    ///
    /// - Parameters:
    ///   - cutoff: how many deviations from 0 they may lie; further ones are drawn again. At least
    ///     0.1, which takes a dozen draws a number.
    ///   - start: the number of the stream to begin with.
    package func fillNormal(
        _ x: Buffer, count: Int, deviation: Float, cutoff: Float = .infinity, key: UInt64,
        from start: Int = 0
    ) {
        precondition(cutoff >= 0.1, "normal numbers cut off at \(cutoff) deviations")
        threads.divide(count, atLeast: 4096, step: 2) { range, _ in
            let (first, part) = (UInt64(start + range.lowerBound), x.floats + range.lowerBound)
            lk_random_normal(key, first, deviation, part, range.count)
            if cutoff.isFinite {
                lk_random_redraw(key, first, deviation, cutoff, part, range.count)
            }
        }
    }

    /// Fills x (count, float32) with numbers of the uniform distribution on (low, high).
    ///
    /// - Parameter start: the number of the stream to begin with.
    package func fillUniform(
        _ x: Buffer, count: Int, low: Float, high: Float, key: UInt64, from start: Int = 0
    ) {
        threads.divide(count, atLeast: 4096) { range, _ in
            lk_random_uniform(
                key, UInt64(start + range.lowerBound), low, high, x.floats + range.lowerBound,
                range.count)
        }
    }

    /// Fills x (count, float32) with one value.
    package func fill(_ x: Buffer, count: Int, with value: Float) {
        x.floats.update(repeating: value, count: count)
    }
}
