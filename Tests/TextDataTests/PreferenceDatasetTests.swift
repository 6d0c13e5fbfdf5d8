import Datasets
import Foundation
import Templates
import TestSupport
import Testing
import TextData
import Tokenizers

/// Rows of preferences in every format, beside scripts/references/preferences.py.
@Suite struct PreferenceDatasetTests {
    private static let model = References.folder.appendingPathComponent("finetuning/model").path
    private static let data = References.folder.appendingPathComponent("preferences/data").path

    private func rows(
        _ names: [String], _ use: DatasetUse, folder: String = data, isStrict: Bool = false
    ) throws -> InstructionRows {
        var settings = InstructionSettings(datasets: names)
        settings.folder = folder
        settings.use = use
        settings.isStrict = isStrict
        settings.encoding.cutoffLength = 1 << 40
        return try InstructionRows(settings, .named("chatml"), TokenizerFolder.load(Self.model))
    }

    private func pairs(
        _ text: String, cutoff: Int = 256, isStrict: Bool = false, info: String? = nil
    ) throws -> PreferenceDataset<EncodedPair> {
        let folder = try TemporaryFolder()
        try folder.write("rows.json", text)
        if let info { try folder.write("dataset_info.json", info) }
        return try PreferenceDataset(
            pairs: rows(
                [info == nil ? "rows.json" : "rows"], .pairs, folder: folder.path,
                isStrict: isStrict),
            cutoff: cutoff)
    }

    @Test(arguments: [
        "alpaca", "sharegpt", "openai", "trl", "trl.json", "trl_messages.json",
        "trl_implicit.json",
    ])
    func everyFormatGivesTheSamePairs(_ name: String) throws {
        let reference = try References.object("preferences/reference.json")
        let dataset = try PreferenceDataset(pairs: rows([name], .pairs), cutoff: 256)
        let pairs = try #require(dataset.parts.first).examples
        #expect(dataset.report.lines.isEmpty)
        #expect(
            pairs.map { $0.chosen.prompt.map(Int.init) } == reference["prompts"] as? [[Int]])
        #expect(
            pairs.map { [$0.chosen.answer, $0.rejected.answer].map { $0.map(Int.init) } }
                == reference["answers"] as? [[[Int]]])
        #expect(pairs.allSatisfy { $0.chosen.prompt == $0.rejected.prompt })
    }

    @Test(arguments: ["kto", "kto_sharegpt", "kto_trl.json"])
    func tagsComeWithAnswersAndEachPromptWithTheAnswerBefore(_ name: String) throws {
        let reference = try References.object("preferences/reference.json")
        let prompts = try #require(reference["prompts"] as? [[Int]])
        let answers = try #require(reference["answers"] as? [[[Int]]])
        let dataset = try PreferenceDataset(judged: rows([name], .judgedAnswers), cutoff: 256)
        let examples = try #require(dataset.parts.first).examples
        try #require(examples.count == prompts.count)
        for (row, example) in examples.enumerated() {
            let before = row == 0 ? prompts.count - 1 : row - 1
            #expect(example.isDesirable == (row % 2 == 0))
            #expect(example.answer.prompt.map(Int.init) == prompts[row])
            #expect(example.answer.answer.map(Int.init) == answers[row][row % 2])
            #expect(example.mismatch.prompt.map(Int.init) == prompts[row])
            #expect(example.mismatch.answer.map(Int.init) == answers[before][before % 2])
        }
    }

    @Test func aColumnWithTheSystemPromptCountsInEveryForm() throws {
        func row(_ columns: String) -> String { "{\(columns), \"system\": \"s\"}" }
        let (user, yes, no) = (
            #"{"role": "user", "content": "q"}"#, #"{"role": "assistant", "content": "y"}"#,
            #"{"role": "assistant", "content": "n"}"#
        )
        let rows = [
            row(#""prompt": "q", "chosen": "y", "rejected": "n""#),
            row(#""prompt": [\#(user)], "chosen": [\#(yes)], "rejected": [\#(no)]"#),
            row(#""chosen": [\#(user), \#(yes)], "rejected": [\#(user), \#(no)]"#),
            // What stands before the question goes first, as in conversations.
            #"{"prompt": [{"role": "system", "content": "s"}, \#(user)], "chosen": "y", "rejected": "n", "#
                + #""system": "other"}"#,
        ]
        let pairs = try pairs("[\(rows.joined(separator: ",\n"))]").parts[0].examples
        try #require(pairs.count == 4)
        for pair in pairs { #expect(pair == pairs[0]) }
        let bare = try self.pairs(
            #"[{"prompt": "q", "chosen": "y", "rejected": "n"}]"#
        ).parts[0].examples
        #expect(bare[0].chosen.prompt != pairs[0].chosen.prompt)
    }

    // MARK: Prompts

    private func prompts(
        _ text: String, answer: String? = nil, info: String? = nil
    ) throws -> [RolloutPrompt] {
        let folder = try TemporaryFolder()
        try folder.write("rows.json", text)
        if let info { try folder.write("dataset_info.json", info) }
        let rows = try rows(
            [info == nil ? "rows.json" : "rows"], .prompts, folder: folder.path, isStrict: true)
        return try RolloutDataset(rows, answerColumn: answer, longest: 256).parts[0].prompts
    }

    @Test func promptsWithoutAnswersAreReadInEveryForm() throws {
        let user = #"{"role": "user", "content": "1+1"}"#
        let plain = try prompts(#"[{"instruction": "1+1", "output": "2"}]"#)
        #expect(plain.map(\.answer) == ["2"])
        let messages = #"[{"prompt": [\#(user)], "solution": "2"}]"#
        let listed =
            #"{"rows": {"file_name": "rows.json", "formatting": "openai", "columns": {"messages": "prompt"}}}"#
        for prompts in [
            try prompts(messages, answer: "solution"),
            try prompts(messages, answer: "solution", info: listed),
            try prompts(#"[{"prompt": "1+1", "solution": "2"}]"#, answer: "solution"),
            try prompts(#"[{"prompt": "1+1", "solution": 2}]"#, answer: "solution"),
            try prompts(#"[{"prompt": "1+1", "completion": "2"}]"#),
            try prompts(#"[{"messages": [\#(user)], "solution": "2"}]"#, answer: "solution"),
        ] {
            #expect(prompts.map(\.ids) == plain.map(\.ids))
            #expect(prompts.map(\.answer) == ["2"])
        }
        #expect(try prompts(messages).map(\.answer) == [nil])
        let two = try prompts(#"[{"prompt": "1"}, {"prompt": "2"}]"#)
        #expect(two.map(\.place).allSatisfy { $0.contains("/rows.json row ") })
        #expect(two.last?.place.hasSuffix(" row 2") == true)
        let error = #expect(throws: ConversationError.self) {
            try prompts(#"[{"question": "1+1"}]"#)
        }
        #expect(error.map { "\($0)" }?.contains("found no instruction (it has question)") == true)
    }

    @Test func wrongRowsAreCountedAndShown() throws {
        let good = "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}"
        let dataset = try pairs(
            """
            [\(good),
             {"prompt": "a", "chosen": "b"},
             {"prompt": "a", "chosen": "b", "rejected": 3},
             {"chosen": "b", "rejected": "c"},
             {"prompt": "a", "chosen": [{"role": "user", "content": "x"}], "rejected": "c"},
             {"chosen": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
              "rejected": [{"role": "user", "content": "z"}, {"role": "assistant", "content": "y"}]}]
            """)
        #expect(dataset.parts[0].examples.count == 1)
        #expect(dataset.report.wrongRows == 5)
        let lines = dataset.report.lines.joined(separator: "\n")
        #expect(lines.contains("5 of 6 rows are wrong and were skipped:"))
        #expect(lines.contains("found rejected: nothing, expected text or a list of one message"))
        #expect(lines.contains("found rejected: 3, expected text or a list of one message"))
        #expect(lines.contains("rows.json line 2: found rejected: nothing"))
        let error = #expect(throws: ConversationError.self) {
            _ = try pairs("[\(good), {\"prompt\": \"a\", \"chosen\": \"b\"}]", isStrict: true)
        }
        #expect(error?.description.contains("rows.json row 2: found rejected: nothing") == true)
    }

    @Test func anEvenConversationHasNoAnswersToCompare() throws {
        let info = """
            {"rows": {"file_name": "rows.json", "ranking": true, "formatting": "sharegpt",
              "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}}}
            """
        func row(_ count: Int) -> String {
            let messages = (0..<count).map {
                "{\"from\": \"\($0 % 2 == 0 ? "human" : "gpt")\", \"value\": \"m\($0)\"}"
            }
            return """
                {"conversations": [\(messages.joined(separator: ","))],
                 "chosen": {"from": "gpt", "value": "b"}, "rejected": {"from": "gpt", "value": "c"}}
                """
        }
        let dataset = try pairs("[\(row(1)), \(row(2)), \(row(3))]", info: info)
        #expect(dataset.parts[0].examples.count == 2 && dataset.report.wrongRows == 1)
        #expect(
            dataset.report.lines.joined().contains(
                "found 2 messages before the answers, expected an odd number"))
    }

    /// LLaMA-Factory's `infer_seqlen` with the longer answer: 2t < c leaves s what is left; else 2s < c
    /// leaves t what is left; else both in proportion.
    @Test func promptsAndAnswersAreCutByTheLongerAnswer() throws {
        let words = { (count: Int) in Array(repeating: "up", count: count).joined(separator: " ") }
        func lengths(_ prompt: Int, _ chosen: Int, _ rejected: Int, _ cutoff: Int) throws -> [Int] {
            let dataset = try pairs(
                """
                [{"prompt": "\(words(prompt))", "chosen": "\(words(chosen))",
                  "rejected": "\(words(rejected))"}]
                """, cutoff: cutoff)
            let pair = dataset.parts[0].examples[0]
            let whole = try pairs(
                """
                [{"prompt": "\(words(prompt))", "chosen": "\(words(chosen))",
                  "rejected": "\(words(rejected))"}]
                """, cutoff: 10000
            ).parts[0].examples[0]
            #expect(whole.chosen.ids.starts(with: pair.chosen.prompt))
            #expect(whole.rejected.answer.starts(with: pair.rejected.answer))
            let (s, t) = (
                whole.chosen.prompt.count,
                max(whole.chosen.answer.count, whole.rejected.answer.count)
            )
            let most = 2 * t < cutoff ? cutoff : 2 * s < cutoff ? cutoff - s : cutoff * t / (s + t)
            let target = min(most, t)
            #expect(pair.chosen.prompt.count == min(cutoff - target, s))
            #expect(pair.chosen.answer.count == min(target, whole.chosen.answer.count))
            #expect(pair.rejected.answer.count == min(target, whole.rejected.answer.count))
            if pair.chosen.prompt.count < s {
                #expect(
                    dataset.report.lines.joined().contains("rows.json line 1; raise cutoff_len"))
                #expect(dataset.report.lines.joined().contains("1 of 1 prompts lost their end"))
            }
            return [pair.chosen.prompt.count, pair.chosen.answer.count, pair.rejected.answer.count]
        }
        #expect(try lengths(40, 3, 5, 32)[0] < 40)
        #expect(try lengths(3, 5, 60, 40).max() ?? 0 <= 40)
        #expect(try lengths(60, 5, 60, 40).allSatisfy { $0 > 0 })
        _ = try lengths(2, 2, 2, 256)
        let short = "{\"prompt\": \"up\", \"chosen\": \"a\", \"rejected\": \"b\"}"
        let long = short.replacing("up", with: words(60))
        let report = try pairs("[\(short), \(long), \(long)]", cutoff: 40).report
        let notice = report.lines.first { $0.contains("prompts lost their end") } ?? ""
        #expect(notice.contains("2 of 3 ") && notice.contains("rows.json row 2, "), "\(notice)")
        #expect(notice.hasSuffix("rows.json row 3; raise cutoff_len"), "\(notice)")
    }

    @Test func answersThatAreCutToNothingAreDropped() throws {
        #expect(throws: ConversationError.noLabels(rows: 1, cutoffLength: 2)) {
            _ = try pairs(
                "[{\"prompt\": \"\(String(repeating: "up ", count: 200))\", \"chosen\": \"b\", "
                    + "\"rejected\": \"c\"}]", cutoff: 2)
        }
    }

    @Test(arguments: [
        (
            "{\"rows\": {\"file_name\": \"rows.json\"}}", DatasetUse.pairs,
            "no ranking: true found: stages dpo and rm learn from pairs"
        ),
        (
            "{\"rows\": {\"file_name\": \"rows.json\", \"ranking\": true}}", .judgedAnswers,
            "ranking: true found: stage kto learns from single answers"
        ),
        (
            """
            {"rows": {"file_name": "rows.json", "ranking": true, "columns": {"prompt": "prompt",
              "chosen": "good", "rejected": "rejected"}}}
            """, .pairs, "no row has good"
        ),
        (
            """
            {"rows": {"file_name": "rows.json", "ranking": true, "columns": {"prompt": "prompt",
              "chosen": "chosen"}}}
            """, .pairs, "rejected (columns: does not name it)"
        ),
    ])
    func datasetsOfAnotherKindAreRefused(
        _ info: String, _ use: DatasetUse, _ message: String
    ) throws {
        let folder = try TemporaryFolder()
        try folder.write(
            "rows.json", "[{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}]")
        try folder.write("dataset_info.json", info)
        do {
            _ = try rows(["rows"], use, folder: folder.path)
            Issue.record("the rows are taken")
        } catch let error as ConversationError {
            #expect("\(error)".contains(message), "\(error)")
        }
    }

    /// The place before an answer's token predicts it; rows that fill up have none.
    @Test func rowsPutAnswersWhereTheyArePredicted() {
        let rows = AnswerRows([
            PromptedAnswer(prompt: [1, 2], answer: [3, 4]), nil,
            PromptedAnswer(prompt: [], answer: [5, 6]),
        ])
        #expect(rows.count == 3 && rows.columns == 16)
        #expect(Array(rows.ids[0..<5]) == [1, 2, 3, 4, 0])
        let no = TokenBatch.ignoredTarget
        #expect(Array(rows.targets[0..<4]) == [no, 3, 4, no])
        #expect(rows.targets[16..<32].allSatisfy { $0 == no })
        #expect(Array(rows.targets[32..<35]) == [6, no, no])
        #expect(rows.targetPlaces(of: 0) == 1..<3)
        #expect(rows.targetPlaces(of: 1).isEmpty)
        #expect(rows.targetPlaces(of: 2) == 32..<33)
        #expect(rows.targetCounts == [2, 0, 1])
    }
}
