import Metrics
import TestSupport
import Testing

/// Figures of answers against SQuAD's own programs (scripts/references/answers.py).
@Suite struct AnswerMetricsTests {
    private func reference() throws -> [String: Any] {
        try References.object("answers/metrics.json")
    }

    private func check(_ figures: [Figure], _ wanted: [String: Double], _ place: String) {
        #expect(Set(figures.map(\.name)) == Set(wanted.keys), "\(place)")
        for figure in figures {
            // Both are sums of some ten numbers in float64.
            let difference = abs(figure.value - (wanted[figure.name] ?? .nan))
            #expect(difference < 1e-9, "\(place) \(figure.name): \(figure.value)")
            #expect(AnswerMetrics.names.contains(figure.name))
        }
    }

    @Test func figuresEqualThoseOfSQuADsPrograms() throws {
        let cases = try #require(try reference()["cases"] as? [[String: Any]])
        for (number, one) in cases.enumerated() {
            let rows = try #require(one["rows"] as? [[Any]])
            let all = rows.map { row in
                AnswerMetrics.Case(
                    found: row[0] as? String ?? "", wanted: row[1] as? [String] ?? [],
                    oddsOfNone: row[2] as? Double ?? .nan)
            }
            let known = zip(all, rows).filter { ($0.1[1] as? [String])?.isEmpty == false }.map(\.0)
            check(
                AnswerMetrics.figures(known), try #require(one["first"] as? [String: Double]),
                "case \(number)")
            check(
                AnswerMetrics.figuresWithNone(all),
                try #require(one["second"] as? [String: Double]), "case \(number) with none")
        }
    }

    @Test func wordsAreComparedWithoutArticlesAndSigns() throws {
        let rows = try #require(try reference()["words"] as? [[Any]])
        for row in rows {
            let text = try #require(row[0] as? String)
            let words = AnswerMetrics.words(text)
            #expect(words == row[1] as? [String], "\(text)")
        }
        #expect(
            AnswerMetrics.words("The x\u{2014}a\u{2014}y, an Ant's") == [
                "x\u{2014}", "\u{2014}y", "ants",
            ])
        #expect(AnswerMetrics.words("ΟΔΟΣ ΣΑ") == ["οδος", "σα"])
    }

    @Test func noQuestionsHaveNoFigures() {
        #expect(AnswerMetrics.figures([]).isEmpty)
        #expect(AnswerMetrics.figuresWithNone([]).isEmpty)
    }
}
