/// A permutation of 0..<count that is computed one element at a time, without a table.
///
/// A Feistel network over pairs (a, b) with a·b just above `count`, walked until it lands inside
/// (cycle walking); with its rounds keyed by a hash it serves shuffling, not secrecy.
/// Source: Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains", methods 2 and 3.
struct KeyedPermutation: Sendable {
    let count: Int
    private let left: UInt64
    private let right: UInt64
    private let key: UInt64

    private static let rounds: UInt64 = 8

    /// The permutation number `stream` of `seed`.
    init(count: Int, seed: UInt64, stream: UInt64) {
        precondition(count >= 0, "permutation of \(count)")
        self.count = count
        var side = UInt64(Double(max(count, 1)).squareRoot())
        while side * side < UInt64(count) { side += 1 }
        left = max(side, 1)
        right = max((UInt64(count) + left - 1) / left, 1)
        key = KeyedPermutation.mix(KeyedPermutation.mix(seed) ^ stream)
    }

    /// Where `index` goes.
    func callAsFunction(_ index: Int) -> Int {
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
    static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Which sample comes at which position of a run: a pure function, so resuming needs only the
/// position. Positions count on through the epochs; each epoch has an order of its own.
package struct SampleOrder: Sendable {
    /// Samples in an epoch.
    package let count: Int
    private let seed: UInt64
    private let isShuffled: Bool

    /// An order of `count` samples, at least one; in file order unless `shuffled`.
    package init(count: Int, seed: UInt64, shuffled: Bool) {
        precondition(count > 0, "order of \(count) samples")
        self.count = count
        self.seed = seed
        isShuffled = shuffled
    }

    /// The sample at a position, 0..<count.
    package func index(at position: Int) -> Int {
        let (epoch, place) = position.quotientAndRemainder(dividingBy: count)
        guard isShuffled else { return place }
        // Stream 0 chooses the held-out samples.
        return KeyedPermutation(count: count, seed: seed, stream: UInt64(epoch) + 1)(place)
    }
}

/// Divides samples into a training part and a part held out for evaluation.
///
/// The samples are cut into as many equal runs as are held out, and one of each run, chosen by the
/// seed, is held out: so evaluation sees all of the corpus, the training part keeps its file
/// order, and both are computed without a table.
package struct HeldOutSplit: Sendable {
    /// Samples to train on.
    package let trainingCount: Int
    /// Samples held out.
    package let evaluationCount: Int
    private let total: Int
    private let key: UInt64

    /// Holds out `valSize` of `count` samples: a fraction below 1 (rounded up) or a whole number;
    /// 0 holds out none.
    ///
    /// - Throws: ``CorpusError/heldOut(valSize:samples:)`` when it is neither, or no sample is left.
    package init(count: Int, valSize: Double, seed: UInt64) throws(CorpusError) {
        let held = valSize < 1 ? (valSize * Double(count)).rounded(.up) : valSize
        guard held >= 0, held == held.rounded(), held < Double(count) else {
            throw .heldOut(valSize: valSize, samples: count)
        }
        total = count
        evaluationCount = Int(held)
        trainingCount = count - Int(held)
        key = KeyedPermutation.mix(KeyedPermutation.mix(seed))
    }

    /// The dataset's sample that is number `index` of the training part.
    package func trainingSample(_ index: Int) -> Int {
        precondition(index >= 0 && index < trainingCount, "training sample \(index)")
        guard evaluationCount > 0 else { return index }
        // Run j begins at ⌊j·n/k⌋ and has one sample less to train on, so before it stand
        // ⌊j·n/k⌋ − j; the last j for which that is at most `index` holds the sample.
        let run = divide(index + 1, times: evaluationCount, minus: 1, by: trainingCount)
        let candidate = index + run
        return candidate < evaluationSample(run) ? candidate : candidate + 1
    }

    /// The dataset's sample that is number `index` of the held-out part.
    package func evaluationSample(_ index: Int) -> Int {
        precondition(index >= 0 && index < evaluationCount, "held-out sample \(index)")
        let start = divide(index, times: total, minus: 0, by: evaluationCount)
        let end = divide(index + 1, times: total, minus: 0, by: evaluationCount)
        return start + Int(KeyedPermutation.mix(key ^ UInt64(index)) % UInt64(end - start))
    }

    /// ⌊(a·b − c) / d⌋, exact for products beyond 64 bits.
    private func divide(_ a: Int, times b: Int, minus c: UInt, by d: Int) -> Int {
        var (high, low) = UInt(a).multipliedFullWidth(by: UInt(b))
        if low < c { high -= 1 }
        low = low &- c
        return Int(UInt(d).dividingFullWidth((high, low)).quotient)
    }
}
