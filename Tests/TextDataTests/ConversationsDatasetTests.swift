import Datasets
import Foundation
import Templates
import Testing
import TextData

/// Files of rows, from dataset_info.json to examples.
@Suite struct ConversationsDatasetTests {
    private let fixtures = ConversationsFixtures()
    private let rows = (0..<6).map {
        ["instruction": "Question \($0)?", "output": "Answer \($0)."]
    }

    private func settings(_ folder: String, _ names: String...) -> InstructionSettings {
        var settings = InstructionSettings(datasets: names)
        settings.folder = folder
        return settings
    }

    private func load(_ settings: InstructionSettings) throws -> InstructionDataset {
        try InstructionDataset(settings, .named("chatml"), fixtures.tokenizer("llama"))
    }

    private func texts(_ examples: [TokenizedExample]) throws -> [String] {
        let tokenizer = try fixtures.tokenizer("llama")
        return examples.map { example in
            tokenizer.decode(example.labels.filter { $0 != TokenizedExample.noLoss })
                .replacingOccurrences(of: "<|im_end|>\n", with: "")
        }
    }

    private func json(_ value: Any) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: value), as: UTF8.self)
    }

    private func lines(_ rows: [[String: String]]) throws -> String {
        try rows.map { try json($0) + "\n" }.joined()
    }

    @Test func listsLinesAndTablesGiveTheSameExamples() throws {
        let table =
            "instruction,output\n"
            + rows.map { "\"\($0["instruction"]!)\",\($0["output"]!)\r\n" }.joined()
        let files = [
            "a.json": try json(rows), "b.jsonl": try lines(rows), "c.csv": "\u{FEFF}" + table,
        ]
        try fixtures.withFolder(files) { folder in
            let examples = try ["a.json", "b.jsonl", "c.csv"].map {
                try load(settings(folder, $0)).training
            }
            #expect(examples[0].count == 6)
            #expect(examples[0] == examples[1])
            #expect(examples[0] == examples[2])
        }
    }

    @Test func tableFieldsMayHoldCommasQuotesAndLineBreaks() throws {
        let table = """
            instruction,input,output
            "Say ""hi"", twice",,"first
            second, ""third""\"

            plain,"",x
            """
        try fixtures.withFolder(["a.csv": table]) { folder in
            let dataset = try load(settings(folder, "a.csv"))
            #expect(try texts(dataset.training) == ["first\nsecond, \"third\"", "x"])
            let ids = dataset.training[0].ids
            #expect(
                try fixtures.tokenizer("llama").decode(ids).hasPrefix(
                    "<|im_start|>user\nSay \"hi\", twice<|im_end|>"))
        }
    }

    @Test func folderIsReadAsOneDataset() throws {
        try fixtures.withFolder([:]) { folder in
            let inner = URL(fileURLWithPath: folder).appendingPathComponent("parts")
            try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
            try Data(lines(Array(rows[3...])).utf8).write(
                to: inner.appendingPathComponent("2.json"))
            try Data(json(Array(rows[..<3])).utf8).write(to: inner.appendingPathComponent("1.json"))
            let dataset = try load(settings(folder, "parts"))
            #expect(try texts(dataset.training) == rows.map { $0["output"]! })
        }
    }

    @Test func wrongRowsAreCountedShownAndSkipped() throws {
        let file =
            try lines([rows[0]]) + "{\"instruction\": \"cut off\n"
            + lines([rows[1]]) + "[1, 2]\n{\"instruction\": 3, \"output\": \"x\"}\n"
            + "{\"instruction\": \"no output\"}\n" + lines([rows[2]])
        try fixtures.withFolder(["a.jsonl": file]) { folder in
            var settings = settings(folder, "a.jsonl")
            let dataset = try load(settings)
            #expect(try texts(dataset.training) == ["Answer 0.", "Answer 1.", "Answer 2."])
            #expect(dataset.report.rows == 7)
            #expect(dataset.report.wrongRows == 4)
            #expect(
                dataset.report.firstWrongRows.map(\.position) == [.line(2), .line(4), .line(5)])
            #expect(dataset.report.firstWrongRows[2].found == "instruction: 3")
            #expect(dataset.report.lines[0] == "4 of 7 rows are wrong and were skipped:")
            settings.isStrict = true
            #expect(throws: ConversationError.row(dataset.report.firstWrongRows[0])) {
                try load(settings)
            }
        }
    }

    @Test func numberOfThreadsDoesNotChangeExamples() throws {
        var one = settings(fixtures.folder.path, "alpaca", "sharegpt", "openai")
        one.encoding = fixtures.settings("plain")
        var three = one
        three.threads = 3
        #expect(try load(one).training == load(three).training)
    }

    @Test func firstRowsOfEachDatasetAreTakenAndSomeHeldOut() throws {
        let files = ["a.json": try json(rows), "b.json": try json(rows)]
        try fixtures.withFolder(files) { folder in
            var settings = settings(folder, "a.json", "b.json")
            settings.rowLimit = 2
            #expect(
                try texts(load(settings).training)
                    == ["Answer 0.", "Answer 1.", "Answer 0.", "Answer 1."])
            settings.rowLimit = nil
            settings.heldOut = 0.25
            let dataset = try load(settings)
            #expect(dataset.evaluation.count == 3)
            #expect(dataset.training.count == 9)
            let all = try texts(dataset.training + dataset.evaluation).sorted()
            #expect(all == (rows + rows).map { $0["output"]! }.sorted())
        }
    }

    @Test func columnOfALaterRowIsNoMistake() throws {
        let info =
            #"{"d": {"file_name": "a.jsonl", "columns": {"prompt": "instruction", "#
            + #""response": "output", "system": "system"}}, "e": {"file_name": "a.jsonl"}}"#
        let last = ["instruction": "x", "output": "y", "system": "Be short."]
        let files = ["dataset_info.json": info, "a.jsonl": try lines(rows + [last])]
        try fixtures.withFolder(files) { folder in
            var settings = settings(folder, "d")
            settings.rowLimit = 2
            let all = try load(settings)
            #expect(all.report.notices.isEmpty)
            settings.datasets = ["e"]
            let some = try load(settings)
            #expect(
                some.report.lines == [
                    "dataset e: system found, but not read; name it under columns: in "
                        + "dataset_info.json to use it"
                ])
        }
    }

    @Test(arguments: [
        (#""ranking": "true""#, "ranking: text \"true\" found, expected true or false"),
        (#""ranking": 1"#, "ranking: 1 found, expected true or false"),
        (#""tags": "x""#, "tags: text \"x\" found, expected an object of names"),
        (#""columns": ["a"]"#, "columns: a list of 1 found, expected an object of names"),
    ])
    func valuesOfAnotherKindAreRefused(member: String, problem: String) throws {
        let info = #"{"d": {"file_name": "a.json", "# + member + "}}"
        try fixtures.withFolder(["a.json": try json(rows), "dataset_info.json": info]) { folder in
            let refusal = ConversationError.entry(dataset: "d", problem: problem)
            _ = #expect(throws: refusal) { _ = try load(settings(folder, "d")) }
        }
    }

    @Test func aFileNameThatIsAListIsRefused() throws {
        let info = #"{"d": {"file_name": ["a.json"]}}"#
        try fixtures.withFolder(["a.json": try json(rows), "dataset_info.json": info]) { folder in
            let refusal = ConversationError.entry(
                dataset: "d", problem: "file_name: a list of 1 found, expected a name")
            _ = #expect(throws: refusal) { _ = try load(settings(folder, "d")) }
        }
    }

    @Test func imagesOfAFileThatIsNotListedAreNoticed() throws {
        let row = #"[{"instruction": "<image>What is this?", "output": "y", "images": ["a.png"]}]"#
        try fixtures.withFolder(["a.json": row]) { folder in
            do {
                _ = try load(settings(folder, "a.json"))
                Issue.record("the image was passed over")
            } catch ConversationError.media(let column, _) {
                #expect(column == "images")
            }
        }
    }

    @Test func whatOnlyTRLReadsIsTold() throws {
        let rows = #"[{"prompt": "a", "chosen": "b", "rejected": "c", "margin": 3.0}]"#
        try fixtures.withFolder(["a.json": rows]) { folder in
            let entry = try DatasetCatalog(folder).entry("a.json", for: .pairs)
            #expect(
                try DatasetRows([entry]).checkColumns(for: .pairs) == [
                    "dataset a.json: margin found, which TRL reads, but not read; rows count without it"
                ])
        }
    }

    @Test func samplesAreDrawnFromTheSeed() throws {
        let info = ["d": ["file_name": "a.json", "num_samples": 8] as [String: Any]]
        let files = ["a.json": try json(rows), "dataset_info.json": try json(info)]
        try fixtures.withFolder(files) { folder in
            let drawn = try texts(load(settings(folder, "d")).training)
            #expect(drawn.count == 8)
            #expect(Set(drawn) == Set(rows.map { $0["output"]! }))
            #expect(drawn[..<6] != rows.map { $0["output"]! }[...])
            #expect(try texts(load(settings(folder, "d")).training) == drawn)
        }
    }

    @Test func rowsToPredictGivePromptsAndReferences() throws {
        try fixtures.withFolder(["a.json": try json(rows)]) { folder in
            var settings = settings(folder)
            settings.datasets = []
            settings.evaluationDatasets = ["a.json"]
            settings.predicts = true
            let dataset = try load(settings)
            let tokenizer = try fixtures.tokenizer("llama")
            #expect(dataset.training.isEmpty)
            #expect(dataset.predictions.count == 6)
            #expect(
                tokenizer.decode(dataset.predictions[1].ids)
                    == "<|im_start|>user\nQuestion 1?<|im_end|>\n<|im_start|>assistant\n")
            #expect(tokenizer.decode(dataset.predictions[1].labels) == "Answer 1.<|im_end|>\n")
        }
    }
}
