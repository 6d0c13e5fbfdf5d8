/// Which rows come in which order, before they are encoded.
///
/// Where chance decides, it is a function of the seed and the number of the draw, so every rank
/// and every resumed run gets the same rows.
package enum DatasetMixing {
    /// The rows of each dataset that take part: drawn if its entry asks for a number of samples,
    /// as LLaMA-Factory draws them for the same seed, then the first `limit`.
    ///
    /// - Parameter generator: the run's, from which datasets draw one after another
    package static func selected(
        _ counts: [Int], samples: [Int?], limit: Int?, _ generator: inout LegacyNumPyGenerator
    ) -> [[Int]] {
        counts.indices.map { dataset in
            var rows: [Int]
            if let wanted = samples[dataset] {
                rows = generator.drawn(wanted, of: counts[dataset])
            } else {
                rows = Array(0..<counts[dataset])
            }
            if let limit, rows.count > limit { rows.removeLast(rows.count - limit) }
            return rows
        }
    }

    /// Rows of several datasets as one list, in the datasets library's order for the same seed.
    ///
    /// - Parameter rows: by dataset
    package static func mixed(
        _ rows: [[Int]], _ mixing: InstructionSettings.Mixing, _ probabilities: [Double]?,
        seed: UInt64
    ) -> [DatasetRows.Reference] {
        func reference(_ dataset: Int, _ place: Int) -> DatasetRows.Reference {
            .init(dataset: Int32(dataset), row: Int32(rows[dataset][place % rows[dataset].count]))
        }
        let counts = rows.map(\.count)
        if rows.count < 2 || mixing == .concat || counts.contains(0) {
            return rows.indices.flatMap { dataset in
                rows[dataset].indices.map { reference(dataset, $0) }
            }
        }
        if let probabilities {
            return draws(counts, mixing, probabilities, seed: seed).map { reference($0, $1) }
        }
        let rounds = (mixing == .interleaveUnder ? counts.min() : counts.max()) ?? 0
        return (0..<rounds).flatMap { round in
            rows.indices.filter { mixing != .interleaveOnce || round < counts[$0] }
                .map { reference($0, round) }
        }
    }

    /// Datasets drawn by probability, each with how often it was drawn before, until the first or
    /// all of them have ended once.
    private static func draws(
        _ counts: [Int], _ mixing: InstructionSettings.Mixing, _ probabilities: [Double],
        seed: UInt64
    ) -> [(dataset: Int, place: Int)] {
        var generator = NumPyGenerator(seed: seed)
        var draws: [(Int, Int)] = []
        var next = [Int](repeating: 0, count: counts.count)
        // A dataset of probability 0 cannot end.
        var unended = Set(counts.indices.filter { probabilities[$0] > 0 })
        let drawable = unended.count
        while mixing == .interleaveUnder ? unended.count == drawable : !unended.isEmpty {
            let dataset = generator.choice(probabilities)
            if mixing == .interleaveOnce, !unended.contains(dataset) { continue }
            draws.append((dataset, next[dataset]))
            next[dataset] += 1
            if next[dataset] == counts[dataset] { unended.remove(dataset) }
        }
        return draws
    }

    /// Divides rows into those to learn from and those held out, both in random order: the order
    /// of the datasets library's `train_test_split` for the same seed.
    ///
    /// - Parameter size: a fraction, rounded up, or a whole number
    /// - Throws: ``ConversationError/setting(name:found:expected:)`` when nothing is left.
    package static func split(
        _ rows: [DatasetRows.Reference], size: Double, seed: UInt64
    ) throws(ConversationError) -> (
        training: [DatasetRows.Reference], evaluation: [DatasetRows.Reference]
    ) {
        guard size > 0 else { return (rows, []) }
        let held = Int(size < 1 ? (size * Double(rows.count)).rounded(.up) : size)
        guard held < rows.count else {
            throw .setting(
                name: "val_size", found: "\(held) of \(rows.count) rows", expected: "fewer rows")
        }
        var generator = NumPyGenerator(seed: seed)
        let shuffled = generator.permutation(rows.count).map { rows[$0] }
        return (Array(shuffled[held...]), Array(shuffled[..<held]))
    }
}
