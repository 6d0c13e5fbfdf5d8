/// Which rows come in which order, before they are encoded.
///
/// Where chance decides, it is a function of the seed and the number of the draw, so every rank
/// and every resumed run gets the same rows.
enum DatasetMixing {
    /// The rows of each dataset that take part: drawn if its entry asks for a number of samples,
    /// then the first `limit`.
    static func selected(
        _ counts: [Int], samples: [Int?], limit: Int?, seed: UInt64
    ) -> [[Int]] {
        counts.indices.map { dataset in
            var rows: [Int]
            if let wanted = samples[dataset] {
                rows = drawn(wanted, of: counts[dataset], seed: seed, stream: UInt64(dataset))
            } else {
                rows = Array(0..<counts[dataset])
            }
            if let limit, rows.count > limit { rows.removeLast(rows.count - limit) }
            return rows
        }
    }

    /// `wanted` rows in random order: each once as far as they go, then again.
    private static func drawn(_ wanted: Int, of count: Int, seed: UInt64, stream: UInt64) -> [Int] {
        (0..<wanted).map { place in
            let (round, index) = place.quotientAndRemainder(dividingBy: count)
            let key = KeyedPermutation.mix(seed ^ 0x6472_6177) ^ UInt64(round) << 16
            return KeyedPermutation(count: count, seed: key, stream: stream)(index)
        }
    }

    /// Rows of several datasets as one list.
    ///
    /// - Parameter rows: by dataset
    static func mixed(
        _ rows: [[Int]], _ mixing: InstructionSettings.Mixing, _ probabilities: [Double]?,
        seed: UInt64
    ) -> [DatasetRows.Reference] {
        func reference(_ dataset: Int, _ place: Int) -> DatasetRows.Reference {
            .init(dataset: Int32(dataset), row: Int32(rows[dataset][place]))
        }
        if rows.count < 2 || mixing == .concat {
            return rows.indices.flatMap { dataset in
                rows[dataset].indices.map { reference(dataset, $0) }
            }
        }
        var mixed: [DatasetRows.Reference] = []
        var next = [Int](repeating: 0, count: rows.count)
        var hasEnded = rows.map(\.isEmpty)
        var draw = 0
        func isOver() -> Bool {
            mixing == .interleaveUnder ? hasEnded.contains(true) : hasEnded.allSatisfy { $0 }
        }
        // A dataset that is never chosen cannot end.
        if let probabilities {
            for dataset in rows.indices where probabilities[dataset] == 0 {
                hasEnded[dataset] = mixing != .interleaveUnder
            }
        }
        while !isOver() {
            let dataset = choice(draw, rows.count, probabilities, seed)
            draw += 1
            if mixing == .interleaveOnce, hasEnded[dataset] { continue }
            if rows[dataset].isEmpty { continue }
            mixed.append(reference(dataset, next[dataset]))
            next[dataset] += 1
            if next[dataset] == rows[dataset].count {
                hasEnded[dataset] = true
                next[dataset] = 0
            }
        }
        return mixed
    }

    /// The dataset of a draw: each in turn, or by probability.
    private static func choice(
        _ draw: Int, _ count: Int, _ probabilities: [Double]?, _ seed: UInt64
    ) -> Int {
        guard let probabilities else { return draw % count }
        let bits = KeyedPermutation.mix(KeyedPermutation.mix(seed ^ 0x6d69_78) ^ UInt64(draw))
        var place = Double(bits >> 11) * 0x1p-53
        for (dataset, probability) in probabilities.enumerated() {
            place -= probability
            if place < 0 { return dataset }
        }
        return probabilities.lastIndex { $0 > 0 } ?? 0
    }

    /// Divides rows into those to learn from and those held out, both in random order by `seed`.
    ///
    /// - Parameter size: a fraction, rounded up, or a whole number
    /// - Throws: ``ConversationError/setting(name:found:expected:)`` when nothing is left.
    static func split(
        _ rows: [DatasetRows.Reference], size: Double, seed: UInt64
    ) throws(ConversationError) -> (
        training: [DatasetRows.Reference], evaluation: [DatasetRows.Reference]
    ) {
        guard size > 0 else { return (rows, []) }
        let held = Int(size < 1 ? (size * Double(rows.count)).rounded(.up) : size)
        guard held < rows.count else {
            throw .setting(
                name: "val_size", found: "\(size) of \(rows.count) rows", expected: "fewer rows")
        }
        let order = KeyedPermutation(count: rows.count, seed: seed ^ 0x7370_6c69_74, stream: 0)
        let shuffled = rows.indices.map { rows[order($0)] }
        return (Array(shuffled[held...]), Array(shuffled[..<held]))
    }
}
