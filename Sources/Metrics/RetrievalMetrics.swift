import Foundation

/// How well texts find those that belong to them among many.
///
/// Source: sentence-transformers, `InformationRetrievalEvaluator`, whose names these are; mean average
/// precision as in its `compute_metrics`, over the first hundred.
package enum RetrievalMetrics {
    /// Candidates of a query that are ranked.
    package static let depth = 100
    private static let cutoffs = [1, 3, 5, 10]
    private static let gainCutoff = 10
    private static let prefix = "cosine_"

    /// Names of all figures, of cosines.
    package static let names =
        ["accuracy", "precision", "recall"].flatMap { name in
            cutoffs.map { "\(prefix)\(name)@\($0)" }
        } + ["ndcg@\(gainCutoff)", "mrr@\(gainCutoff)", "map@\(depth)"].map { prefix + $0 }

    /// What a query finds.
    package struct Ranking: Sendable {
        /// Whether each of its first candidates belongs to it, the nearest one first.
        package let isRelevant: [Bool]
        /// How many candidates belong to it in all, 1 at least.
        package let relevant: Int

        package init(isRelevant: [Bool], relevant: Int) {
            self.isRelevant = isRelevant
            self.relevant = relevant
        }
    }

    /// The means over queries; none without any.
    package static func figures(_ rankings: [Ranking]) -> [Figure] {
        guard !rankings.isEmpty else { return [] }
        func mean(_ value: (Ranking) -> Double) -> Double {
            rankings.reduce(0) { $0 + value($1) } / Double(rankings.count)
        }
        func hits(_ ranking: Ranking, _ cutoff: Int) -> Double {
            Double(ranking.isRelevant.prefix(cutoff).count { $0 })
        }
        let values =
            cutoffs.map { cutoff in mean { hits($0, cutoff) > 0 ? 1 : 0 } }
            + cutoffs.map { cutoff in mean { hits($0, cutoff) / Double(cutoff) } }
            + cutoffs.map { cutoff in mean { hits($0, cutoff) / Double($0.relevant) } }
            + [mean(gain), mean(reciprocalRank), mean(averagePrecision)]
        return zip(names, values).map { Figure(name: $0, value: $1) }
    }

    /// Σ 1/log₂(rank + 1) over what belongs to the query, as a part of the most that there could be.
    private static func gain(_ ranking: Ranking) -> Double {
        func discounted(_ isRelevant: some Sequence<Bool>) -> Double {
            isRelevant.enumerated().reduce(0) { sum, entry in
                sum + (entry.element ? 1 / log2(Double(entry.offset + 2)) : 0)
            }
        }
        let most = Array(repeating: true, count: min(gainCutoff, ranking.relevant))
        return discounted(ranking.isRelevant.prefix(gainCutoff)) / discounted(most)
    }

    private static func reciprocalRank(_ ranking: Ranking) -> Double {
        ranking.isRelevant.prefix(gainCutoff).firstIndex(of: true).map { 1 / Double($0 + 1) } ?? 0
    }

    private static func averagePrecision(_ ranking: Ranking) -> Double {
        var (found, sum) = (0.0, 0.0)
        for (place, isRelevant) in ranking.isRelevant.prefix(depth).enumerated() where isRelevant {
            found += 1
            sum += found / Double(place + 1)
        }
        return sum / Double(min(depth, ranking.relevant))
    }
}
