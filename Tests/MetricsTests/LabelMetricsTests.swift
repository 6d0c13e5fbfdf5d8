import Metrics
import TestSupport
import Testing

/// Figures of labels, numbers and tagged words against scikit-learn, SciPy and seqeval
/// (scripts/references/label_metrics.py).
@Suite struct LabelMetricsTests {
    private func cases(_ name: String) throws -> [[String: Any]] {
        try #require(try References.object("label_metrics/metrics.json")[name] as? [[String: Any]])
    }

    /// - Parameter figures: what came of a case.
    private func check(_ figures: [Figure], _ one: [String: Any]) throws {
        let wanted = try #require(one["figures"] as? [String: Double])
        #expect(Set(figures.map(\.name)) == Set(wanted.keys))
        for figure in figures {
            let value = try #require(wanted[figure.name])
            // Both are sums of some ten numbers in float64.
            #expect(abs(figure.value - value) < 1e-12, "\(figure.name): \(figure.value), \(value)")
            #expect(LabelMetrics.names.contains(figure.name))
        }
    }

    @Test func oneLabelOfSeveral() throws {
        for one in try cases("one") {
            try check(
                LabelMetrics.figures(
                    found: try #require(one["found"] as? [Int]),
                    wanted: try #require(one["wanted"] as? [Int]),
                    labels: try #require(one["labels"] as? Int)), one)
        }
    }

    @Test func anyLabelsOfSeveral() throws {
        for one in try cases("several") {
            try check(
                LabelMetrics.figures(
                    found: try #require(one["found"] as? [[Bool]]),
                    wanted: try #require(one["wanted"] as? [[Bool]])), one)
        }
    }

    @Test func numbers() throws {
        for one in try cases("numbers") {
            try check(
                LabelMetrics.figures(
                    found: try #require(one["found"] as? [Double]),
                    wanted: try #require(one["wanted"] as? [Double])), one)
        }
    }

    @Test func tagsOfWords() throws {
        for one in try cases("tags") {
            try check(
                EntityMetrics.figures(
                    found: try #require(one["found"] as? [[String]]),
                    wanted: try #require(one["wanted"] as? [[String]])), one)
        }
    }

    @Test func whatCannotBeSaidIsLeftOut() {
        #expect(LabelMetrics.figures(found: [1.0, 1], wanted: [2, 3]).map(\.name) == ["mse"])
        #expect(LabelMetrics.figures(found: [Int](), wanted: [], labels: 2).isEmpty)
        #expect(EntityMetrics.figures(found: [], wanted: []).isEmpty)
        let same = LabelMetrics.figures(found: [1, 1], wanted: [1, 1], labels: 2)
        #expect(same.first { $0.name == "matthews_correlation" }?.value == 0)
    }
}
