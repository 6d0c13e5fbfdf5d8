import Foundation

/// How well labels, or numbers, are found.
///
/// Source: scikit-learn's `accuracy_score`, `f1_score` and `matthews_corrcoef`, SciPy's `pearsonr` and
/// `spearmanr`, as the Hugging Face examples use them.
package enum LabelMetrics {
    /// Names of all figures of labels.
    package static let names = [
        "accuracy", "f1", "f1_macro", "matthews_correlation", "precision", "recall", "pearson",
        "spearmanr", "combined_score", "mse",
    ]

    /// One label of several for each text: of two labels, f1 is that of the second.
    ///
    /// - Parameters:
    ///   - found: the labels found, by number.
    ///   - wanted: those of the data.
    ///   - labels: how many there are.
    package static func figures(
        found: [Int], wanted: [Int], labels: Int
    ) -> [Figure] {
        precondition(found.count == wanted.count, "\(found.count) labels for \(wanted.count)")
        guard !wanted.isEmpty else { return [] }
        var counts = [LabelCounts](repeating: LabelCounts(), count: labels)
        for (found, wanted) in zip(found, wanted) {
            counts[found].found += 1
            counts[wanted].wanted += 1
            if found == wanted { counts[found].right += 1 }
        }
        let right = counts.reduce(0) { $0 + $1.right }
        var figures = [
            Figure(name: "accuracy", value: Double(right) / Double(wanted.count))
        ]
        if labels == 2 {
            figures.append(Figure(name: "f1", value: counts[1].f1))
        } else {
            // scikit-learn's mean is over labels that occur.
            let occurring = counts.filter { $0.found + $0.wanted > 0 }
            let sum = occurring.reduce(0) { $0 + $1.f1 }
            figures.append(Figure(name: "f1_macro", value: sum / Double(occurring.count)))
        }
        figures.append(
            Figure(name: "matthews_correlation", value: matthews(counts, of: wanted.count)))
        return figures
    }

    private static func matthews(_ counts: [LabelCounts], of total: Int) -> Double {
        let square = Double(total) * Double(total)
        var (right, both, found, wanted) = (0.0, 0.0, 0.0, 0.0)
        for count in counts {
            let (f, w) = (Double(count.found), Double(count.wanted))
            right += Double(count.right)
            both += f * w
            found += f * f
            wanted += w * w
        }
        let spread = ((square - found) * (square - wanted)).squareRoot()
        return spread == 0 ? 0 : (right * Double(total) - both) / spread
    }

    /// Any of several labels for each text: shares of texts with all labels right, and f1 over all labels
    /// of all texts.
    package static func figures(found: [[Bool]], wanted: [[Bool]]) -> [Figure] {
        guard !wanted.isEmpty else { return [] }
        var counts = LabelCounts()
        var whole = 0
        for (found, wanted) in zip(found, wanted) {
            if found == wanted { whole += 1 }
            for (found, wanted) in zip(found, wanted) {
                counts.found += found ? 1 : 0
                counts.wanted += wanted ? 1 : 0
                counts.right += found && wanted ? 1 : 0
            }
        }
        return [
            Figure(name: "accuracy", value: Double(whole) / Double(wanted.count)),
            Figure(name: "f1", value: counts.f1),
        ]
    }

    /// Numbers.
    package static func figures(found: [Double], wanted: [Double]) -> [Figure] {
        guard !wanted.isEmpty else { return [] }
        let errors = zip(found, wanted).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        var figures = [Figure(name: "mse", value: errors / Double(wanted.count))]
        let pearson = correlation(found, wanted)
        let spearman = correlation(ranks(found), ranks(wanted))
        // Of equal numbers there is no correlation.
        guard let pearson, let spearman else { return figures }
        figures.append(Figure(name: "pearson", value: pearson))
        figures.append(Figure(name: "spearmanr", value: spearman))
        figures.append(Figure(name: "combined_score", value: (pearson + spearman) / 2))
        return figures
    }

    private static func correlation(_ a: [Double], _ b: [Double]) -> Double? {
        let count = Double(a.count)
        let (meanA, meanB) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
        var (both, ofA, ofB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            both += (x - meanA) * (y - meanB)
            ofA += (x - meanA) * (x - meanA)
            ofB += (y - meanB) * (y - meanB)
        }
        guard ofA > 0, ofB > 0 else { return nil }
        return both / (ofA.squareRoot() * ofB.squareRoot())
    }

    /// From 1; equal numbers share the mean of their ranks.
    private static func ranks(_ numbers: [Double]) -> [Double] {
        let order = numbers.indices.sorted { numbers[$0] < numbers[$1] }
        var ranks = [Double](repeating: 0, count: numbers.count)
        var first = 0
        while first < order.count {
            var last = first
            while last + 1 < order.count, numbers[order[last + 1]] == numbers[order[first]] {
                last += 1
            }
            for place in first...last { ranks[order[place]] = Double(first + last) / 2 + 1 }
            first = last + 1
        }
        return ranks
    }
}

/// How often a label was found, wanted, and both.
struct LabelCounts {
    var found = 0
    var wanted = 0
    var right = 0

    var precision: Double { found == 0 ? 0 : Double(right) / Double(found) }
    var recall: Double { wanted == 0 ? 0 : Double(right) / Double(wanted) }
    var f1: Double {
        found + wanted == 0 ? 0 : 2 * Double(right) / Double(found + wanted)
    }
}
