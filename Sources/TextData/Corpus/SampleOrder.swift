import Masking

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
        guard valSize >= 0, held == held.rounded(), held < Double(count) else {
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
