import Evaluation
import Files
import ModelFiles
import TestSupport
import Testing
import Tokenizers

/// Tasks of lm-evaluation-harness's kind, with answers that no model gave. What is said of the harness:
/// scripts/references/harness_literals.py.
@Suite struct HarnessTaskTests {
    /// - Parameters:
    ///   - rows: of the tried split, and of the split train.
    ///   - keys: of the task file, as JSON.
    private func task(
        _ rows: String, train: String? = nil, kind: String = "jsonl", _ keys: String
    ) throws -> any EvaluationTask {
        let folder = try TemporaryFolder()
        defer { withExtendedLifetime(folder) {} }
        var files = "\"test\": \"\(try folder.write("test.\(kind)", rows))\""
        if let train {
            files += ", \"train\": \"\(try folder.write("train.\(kind)", train))\""
        }
        let definition = try JSONValueReader.read(
            """
            {"task": "t", "dataset_path": "\(kind == "csv" ? "csv" : "json")", "test_split": "test",
             "dataset_kwargs": {"data_files": {\(files)}}, \(keys)}
            """)
        let model = try InferenceModel(
            path: References.folder.appendingPathComponent("evaluation/model").path, threads: 1)
        let setting = TaskSetting(
            try #require(model.tokenizer), model.model.description, encoder: nil,
            folder: folder.path,
            readYAML: { _ throws(EvaluationError) in definition })
        return try #require(TaskCatalog.selection(["t.yaml"], setting).tasks.first)
    }

    /// What `eval` would write, one line a document and filter.
    private func samples(
        _ task: any EvaluationTask, _ answers: [TaskAnswer]? = nil
    ) throws -> [JSONValue] {
        let answers = answers ?? task.requests.map { _ in .likelihood(-1, isGreedy: false) }
        let file = try #require(task.result(answers).files.first)
        return try file.text.split(separator: "\n").map { try JSONValueReader.read(String($0)) }
    }

    private func prompts(_ task: any EvaluationTask) throws -> [String?] {
        try samples(task).map { $0["arguments"]?["gen_args_0"]?["arg_0"]?.string }
    }

    private static let written =
        #""output_type": "generate_until", "doc_to_text": "{{q}}", "doc_to_target": "label""#
    private static let questions = "{\"q\": \"a\", \"label\": 1}\n{\"q\": \"b\", \"label\": 0}\n"

    /// lm-evaluation-harness 0.4.13, api/task.py: `gold = choices[gold]`.
    @Test func choicesNameTheTextThatIsToBeWritten() throws {
        let task = try task(
            Self.questions, Self.written + #", "doc_to_choice": ["aaa", "bbb"]"#)
        let right = try samples(task, [.text("bbb"), .text("aaa")])
        #expect(right.map { $0["exact_match"]?.double } == [1, 1])
        #expect(right.map { $0["target"]?.integer } == [1, 0])
        let wrong = try samples(task, [.text("1"), .text("0")])
        #expect(wrong.map { $0["exact_match"]?.double } == [0, 0])
        let plain = try self.task(Self.questions, Self.written)
        #expect(
            try samples(plain, [.text("1"), .text("aaa")]).map { $0["exact_match"]?.double }
                == [1, 0])
    }

    @Test func aTargetThatNumbersNoChoiceIsNamed() throws {
        let choices = #", "doc_to_choice": ["aaa", "bbb"]"#
        for (label, words) in [
            ("\"aaa\"", "found doc_to_target: text \"aaa\", expected the number from 0 of one of"),
            ("null", "found doc_to_target: null, expected the number"),
            ("2", "found answer 2, expected one of the 2 choices"),
        ] {
            let error = #expect(throws: EvaluationError.self) {
                _ = try task("{\"q\": \"a\", \"label\": \(label)}\n", Self.written + choices)
            }
            #expect(error?.description.contains(words) == true, "\(String(describing: error))")
        }
    }

    private static let chosen =
        #""output_type": "multiple_choice", "doc_to_choice": ["opt", "x", "None"]"#

    /// A column is one in rows that lack it, too: there it is null, not a template of its name.
    @Test func aColumnThatARowLacksIsNullThere() throws {
        let rows = "{\"a\": \"one\", \"opt\": \"x\"}\n{\"a\": \"two\"}\n"
        let task = try task(
            rows, Self.chosen + #", "doc_to_text": "{{a}} {{opt}}", "doc_to_target": 1"#)
        #expect(try prompts(task) == ["one x", "two None"])
        let error = #expect(throws: EvaluationError.self) {
            _ = try self.task(rows, Self.chosen + #", "doc_to_text": "a", "doc_to_target": "opt""#)
        }
        #expect(
            error?.description.hasSuffix(
                "test.jsonl line 2: found answer null, expected one of the 3 choices or its number "
                    + "from 0") == true, "\(String(describing: error))")
    }

    @Test func aShotWithoutATaskColumnIsRefused() throws {
        let error = #expect(throws: EvaluationError.self) {
            _ = try task(
                "{\"a\": \"one\", \"opt\": \"x\"}\n",
                Self.chosen + #", "doc_to_text": "a", "doc_to_target": "opt", "num_fewshot": 1, "#
                    + #""fewshot_config": {"sampler": "first_n", "samples": [{"a": "two"}]}"#)
        }
        #expect(
            error?.description.contains("doc_to_target: a row without the column opt") == true,
            "\(String(describing: error))")
    }

    /// All files of a task have one set of types. lm-evaluation-harness 0.4.13 with datasets 5.2.0, which takes types
    /// from the first file alone and refuses others that they do not fit, writes these prompts of the table where
    /// `data_files` name the split train first, and of the lines where both lie in one file.
    @Test func typesAreThoseOfAllFilesOfATask() throws {
        let keys =
            Self.chosen + #", "doc_to_text": "{{n}} {{code}} {{flag}}", "doc_to_target": 0"#
        let table = try task(
            "n,code,flag\n3,007,True\n", train: "n,code,flag\n2.50,012,False\n", kind: "csv", keys)
        #expect(try prompts(table) == ["3.0 7 True"])
        #expect(try samples(table)[0]["doc"]?.text() == #"{"n": 3.0, "code": 7, "flag": true}"#)
        let lines = try task(
            "{\"n\": 3, \"code\": \"2023-01-15\"}\n", train: "{\"n\": 2.5, \"flag\": 1}\n", keys)
        #expect(try prompts(lines) == ["3.0 2023-01-15 00:00:00 None"])
    }

    /// lm-evaluation-harness 0.4.13 goes on to max_gen_toks then, or to the end of the text.
    @Test func aTextMayHaveNoStops() throws {
        let task = try task(
            Self.questions,
            Self.written + #", "generation_kwargs": {"until": [], "max_gen_toks": 9}"#)
        for request in task.requests {
            guard case .text(_, let limits) = request else {
                Issue.record("\(request)")
                continue
            }
            #expect(limits == TextLimits(stops: [], tokens: 9))
        }
        let error = #expect(throws: EvaluationError.self) {
            _ = try self.task(
                Self.questions, Self.written + #", "generation_kwargs": {"until": ["a", 3]}"#)
        }
        #expect(error?.description.contains(#"until: found ["a", 3], expected texts"#) == true)
    }
}
