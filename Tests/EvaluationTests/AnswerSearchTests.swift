import Evaluation
import Files
import Foundation
import Objectives
import TestSupport
import Testing
import TextData
import Tokenizers

/// Answers found in scores as the Hugging Face example finds them (scripts/references/answers.py).
@Suite struct AnswerSearchTests {
    private static let cases =
        (try? JSONValueReader.read(References.text("answers/search.json")))?.array ?? []

    private static func settings(_ one: JSONValue?) -> AnswerSettings {
        let asked = one?.array ?? []
        return AnswerSettings(
            allowsNone: asked[0].bool ?? false, threshold: asked[1].double ?? .nan,
            kept: asked[2].integer ?? 0, longest: asked[3].integer ?? 0)
    }

    private static func question(_ one: [JSONValue]) -> HeldOutQuestion {
        let windows = (one[2].array ?? []).map { window -> AnswerWindow in
            let offsets = window.array?[0].array ?? []
            let first = offsets.firstIndex { $0.array != nil } ?? offsets.count
            let known = offsets[first...].compactMap(\.array).map {
                TokenOffset(Int32($0[0].integer ?? -1), Int32($0[1].integer ?? -1))
            }
            return AnswerWindow(first: first, offsets: known)
        }
        return HeldOutQuestion(
            id: "q", context: one[1].string ?? "", answers: nil, windows: windows)
    }

    private static func scores(_ one: [JSONValue]) -> [[Float]] {
        (one[2].array ?? []).map { window in
            (window.array ?? []).dropFirst().flatMap { $0.array ?? [] }.map {
                Float($0.double ?? .nan)
            }
        }
    }

    @Test func answersAndTheirRivalsAreThoseOfTheExample() throws {
        #expect(Self.cases.count > 10)
        for (number, value) in Self.cases.enumerated() {
            let one = try #require(value.array)
            let result = AnswerSearch(Self.settings(one[0])).result(
                Self.question(one), Self.scores(one))
            let wanted = try #require(one[3].array)
            #expect(result.answer == wanted[0].string, "case \(number)")
            let rivals = try #require(wanted[1].array).map { $0.array ?? [] }
            #expect(result.candidates.map(\.text) == rivals.map { $0[0].string }, "case \(number)")
            for (found, rival) in zip(result.candidates, rivals) {
                #expect(Double(found.startLogit) == rival[1].double, "case \(number)")
                #expect(Double(found.endLogit) == rival[2].double, "case \(number)")
                // Sums of twenty float32 exponentials.
                #expect(abs(Double(found.probability) - (rival[3].double ?? .nan)) < 1e-6)
            }
            #expect(Double(result.oddsOfNone) == wanted[2].double, "case \(number)")
        }
    }

    @Test func filesAreNamedAndLaidOutAsTheExamples() throws {
        let one = try #require(Self.cases.first { $0.array?[0].array?[0].bool == true }?.array)
        let rows = Self.scores(one).enumerated().map { HeldOutRow(number: $0, values: $1) }
        let report = AnswerReport([Self.question(one)], Self.settings(one[0]))
        let files = report.files(rows, prefix: "predict")
        #expect(
            files.map(\.name) == [
                "predict_predictions.json", "predict_nbest_predictions.json",
                "predict_null_odds.json",
            ])
        let read = try files.map { try JSONValueReader.read($0.text) }
        #expect(read[0]["q"]?.string == one[3].array?[0].string)
        let best = try #require(read[1]["q"]?.array?.first?.members).map(\.key)
        #expect(best == ["start_logit", "end_logit", "text", "probability"])
        #expect(read[2]["q"]?.double == one[3].array?[2].double)
        // Of a question whose answers are not known there is no figure.
        #expect(report.figures(rows).isEmpty)
        let plain = AnswerReport(
            [Self.question(one)],
            AnswerSettings(allowsNone: false, threshold: 0, kept: 20, longest: 30))
        #expect(plain.files(rows, prefix: "eval").map(\.name).last == "eval_nbest_predictions.json")
    }

    @Test func figuresAreOverTheQuestionsWhoseAnswersAreKnown() {
        let windows = [AnswerWindow(first: 1, offsets: [TokenOffset(0, 3), TokenOffset(4, 7)])]
        func question(_ id: String, _ answers: [String]?) -> HeldOutQuestion {
            HeldOutQuestion(id: id, context: "red sea", answers: answers, windows: windows)
        }
        let settings = AnswerSettings(allowsNone: true, threshold: 0, kept: 20, longest: 30)
        let report = AnswerReport(
            [question("1", ["the Sea"]), question("2", nil), question("3", [])], settings)
        let sea: [Float] = [0, 1, 5, 0, 1, 5]
        let none: [Float] = [9, 1, 5, 9, 1, 5]
        let rows = [sea, sea, none].enumerated().map { HeldOutRow(number: $0, values: $1) }
        let figures = Dictionary(
            uniqueKeysWithValues: report.figures(rows).map { ($0.name, $0.value) })
        #expect(figures["total"] == 2 && figures["exact"] == 100 && figures["NoAns_f1"] == 100)
        #expect(figures["HasAns_total"] == 1 && figures["HasAns_exact"] == 100)
    }
}
