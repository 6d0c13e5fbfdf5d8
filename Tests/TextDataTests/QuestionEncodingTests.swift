import Datasets
import Files
import Foundation
import Templates
import TestSupport
import Testing
import TextData
import TokenizerSupport
import Tokenizers

/// Questions read and cut into windows (Tests/References/answers, by scripts/references/answers.py).
@Suite struct QuestionEncodingTests {
    private static let squad = References.folder.appendingPathComponent("answers/squad.json").path

    private func rows(_ file: String, strict: Bool = true) throws -> LabeledRows {
        var data = InstructionSettings(datasets: [])
        data.evaluationDatasets = [file]
        data.isStrict = strict
        var settings = LabelSettings(data)
        settings.subject = .questions
        return try LabeledRows(settings)
    }

    private func encoded(
        _ file: String, longest: Int = 96, stride: Int = 16
    ) throws -> [QuestionEncoding.Encoded] {
        let tokenizer = try TokenizerFixtures().tokenizer("roberta")
        let encoding = QuestionEncoding(
            tokenizer, longest: longest, stride: stride, hasTypes: false)
        var report = InstructionReport()
        let rows = try rows(file)
        return try encoding.questions(rows.parts[0], threads: 2, isStrict: true, &report)
    }

    private func spans(_ one: QuestionEncoding.Encoded) -> [[Int32]] {
        one.examples.map { example in
            if case .span(let start, let end) = example.label { [start, end] } else { [] }
        }
    }

    @Test func windowsAndAnswersAreThoseOfTheExample() throws {
        let found = try encoded(Self.squad)
        let text = try References.text("answers/windows.json")
        let wanted = try #require(JSONValueReader.read(text).array)
        #expect(found.map(\.question.id) == ["0-0", "0-1", "0-2", "0-3", "0-4", "0-5", "1-0"])
        #expect(found.map { $0.question.answers?.count } == [2, 1, 1, 1, 1, 0, 1])
        for (one, rows) in zip(found, wanted) {
            let rows = (rows.array ?? []).map { ($0.array ?? []).map { $0.array ?? [] } }
            func numbers(_ list: [JSONValue]) -> [Int32] {
                list.compactMap { $0.integer.map { Int32($0) } }
            }
            #expect(one.examples.map(\.ids) == rows.map { numbers($0[0]) }, "\(one.question.id)")
            #expect(spans(one) == rows.map { numbers($0[1]) }, "\(one.question.id)")
        }
    }

    @Test func aWindowsTokensSayWhereAnAnswerStands() throws {
        for one in try encoded(Self.squad) {
            let context = Array(one.question.context.unicodeScalars)
            for (window, span) in zip(one.question.windows, spans(one)) where span != [0, 0] {
                let start = try #require(window.offset(Int(span[0]))).start
                let end = try #require(window.offset(Int(span[1]))).end
                let text = String(
                    String.UnicodeScalarView(context[Int(start)..<Int(end)]))
                #expect(text.contains(one.question.answers?.first ?? "?"))
                #expect(window.offset(0) == nil && window.offset(10_000) == nil)
            }
        }
    }

    @Test(arguments: [
        (
            "rows.jsonl",
            #"{"question": "q", "context": "a b", "answers": {"text": ["b"], "answer_start": [2]}}"#
        ),
        (
            "rows.json",
            #"{"data": [{"question": "q", "context": "a b", "answers": [{"text": "b", "answer_start": 2}]}]}"#
        ),
        (
            "rows.json",
            #"[{"question": "q", "context": "a b", "answer": {"text": "b", "answer_start": 2}}]"#
        ),
        ("rows.csv", "question,context,answers\nq,a b,b\n"),
        (
            "rows.csv",
            "question,context,answers\nq,a b,\"{\"\"text\"\": [\"\"b\"\"], \"\"answer_start\"\": [2]}\"\n"
        ),
        ("rows.tsv", "id\tquestion\tcontext\tanswers\n0\tq\ta b\tb\n"),
    ])
    func answersStandInEveryUsualForm(_ name: String, _ text: String) throws {
        let folder = TestFolder()
        folder.write(name, text)
        let one = try #require(try encoded(folder.path + "/" + name).first)
        #expect(one.question.id == "0" && one.question.answers == ["b"])
        let span = try #require(spans(one).first)
        #expect(one.question.windows[0].offset(Int(span[0])) == TokenOffset(2, 3))
    }

    @Test func aRowWithoutAnswersIsOnlyToBeAnswered() throws {
        let folder = TestFolder()
        folder.write("rows.jsonl", #"{"question": "q", "context": "a b"}"#)
        let one = try #require(try encoded(folder.path + "/rows.jsonl").first)
        #expect(one.question.answers == nil && one.examples[0].label == .none)
    }

    @Test(arguments: [
        (#"{"text": ["x"], "answer_start": [2]}"#, "where the context has \"b\""),
        (#"{"text": ["b"], "answer_start": [99]}"#, "answer_start: 99"),
        (#"{"text": ["b"], "answer_start": [-1]}"#, "answer_start: -1"),
        (#"{"text": ["b", "a"], "answer_start": [2]}"#, "found answers"),
        (#"{"text": [""], "answer_start": [2]}"#, "an empty answer"),
        (#""c""#, "the answer \"c\", expected a part of the context"),
        (#""{b""#, "expected {\"text\": […], \"answer_start\": […]}"),
        ("5", "found answers"),
    ])
    func answersThatAreWrongAreRefusedByName(_ answers: String, _ words: String) throws {
        let folder = TestFolder()
        folder.write(
            "rows.jsonl", #"{"question": "q", "context": "a b", "answers": \#(answers)}"#)
        let error = #expect(throws: ConversationError.self) {
            try encoded(folder.path + "/rows.jsonl")
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(String(describing: error))")
    }

    @Test func aQuestionThatLeavesNoRoomIsRefused() throws {
        let error = #expect(throws: ConversationError.self) {
            try encoded(Self.squad, longest: 24, stride: 16)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("leaves room in a window"))
    }

    @Test(arguments: [
        #"{"data": [{"paragraphs": [{"context": "c", "qas": [{"question": "q"}]}]"#,
        #"{"data": [{"paragraphs": [{"context": "c", "qas": []}, {"qas": []}]}]}"#,
        #"{"data": [{"paragraphs": [{"context": "c", "qas": []}, 5]}]}"#,
        #"{"data": [{"paragraphs": [{"context": "c", "qas": []}, {"context": "d]}]}"#,
    ])
    func damagedParagraphsAreRefusedWithTheirLine(_ text: String) throws {
        let folder = TestFolder()
        folder.write("squad.json", "\n" + text)
        let error = #expect(throws: ConversationError.self) {
            try rows(folder.path + "/squad.json")
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("line 2"), "\(String(describing: error))")
    }
}
