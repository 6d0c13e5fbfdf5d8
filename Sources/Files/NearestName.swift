/// Finds the known name that a misspelt one probably meant.
package enum NearestName {
    /// The candidate nearest to `name`, or `nil` when none is near enough to be a likely slip.
    ///
    /// A candidate is near when no more than a third of its letters need changing; ties go to the
    /// alphabetically first.
    package static func find(_ name: String, among candidates: [String]) -> String? {
        let folded = fold(name)
        var best: (name: String, distance: Int)?
        for candidate in candidates.sorted() {
            let distance = editDistance(folded, fold(candidate))
            let limit = max(1, max(folded.count, candidate.utf8.count) / 3)
            guard distance <= limit, distance < (best?.distance ?? Int.max) else { continue }
            best = (candidate, distance)
        }
        return best?.name
    }

    /// Lowercase bytes with `-` and spaces as `_`, so that `Learning-Rate` costs nothing.
    private static func fold(_ name: String) -> [UInt8] {
        name.lowercased().utf8.map {
            $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: " ") ? UInt8(ascii: "_") : $0
        }
    }

    /// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
    /// (optimal string alignment).
    private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var beforePrevious = [Int](repeating: 0, count: b.count + 1)
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var current = [i + 1] + [Int](repeating: 0, count: b.count)
            for j in 0..<b.count {
                let substitution = previous[j] + (a[i] == b[j] ? 0 : 1)
                var cost = min(substitution, previous[j + 1] + 1, current[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    cost = min(cost, beforePrevious[j - 1] + 1)
                }
                current[j + 1] = cost
            }
            (beforePrevious, previous) = (previous, current)
        }
        return previous[b.count]
    }
}
