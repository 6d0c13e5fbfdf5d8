import Foundation
import Metrics
import TestSupport
import Testing

/// Figures of retrieval against sentence-transformers (scripts/references/contrastive.py).
@Suite struct RetrievalMetricsTests {
    @Test func figuresAreThoseOfSentenceTransformers() throws {
        let file = try References.object("contrastive/retrieval.json")
        let rows = try #require(file["rankings"] as? [[String: Any]])
        let rankings = try rows.map { row in
            let hits = Set(try #require(row["hits"] as? [Int]))
            return RetrievalMetrics.Ranking(
                isRelevant: (0..<100).map(hits.contains),
                relevant: try #require(row["relevant"] as? Int))
        }
        let wanted = try #require(file["figures"] as? [String: Double])
        let found = RetrievalMetrics.figures(rankings)
        #expect(found.map(\.name) == RetrievalMetrics.names)
        #expect(Set(found.map(\.name)) == Set(wanted.keys))
        for figure in found {
            #expect(abs(figure.value - (wanted[figure.name] ?? .nan)) < 1e-12, "\(figure.name)")
        }
        #expect(RetrievalMetrics.figures([]).isEmpty)
    }
}
