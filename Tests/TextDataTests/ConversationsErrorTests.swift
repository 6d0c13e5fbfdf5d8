import Datasets
import Foundation
import Templates
import Testing
import TextData

/// What users get wrong, each said in one line.
@Suite struct ConversationsErrorTests {
    private let fixtures = ConversationsFixtures()

    /// The message of loading `name` from a folder of files.
    private func message(
        _ files: [String: String], _ name: String = "d", template: String = "chatml",
        change: (inout InstructionSettings) -> Void = { _ in }
    ) throws -> String {
        try fixtures.withFolder(files) { folder in
            var settings = InstructionSettings(datasets: [name])
            settings.folder = folder
            change(&settings)
            let tokenizer = try fixtures.tokenizer("llama")
            do {
                _ = try InstructionDataset(settings, .named(template), tokenizer)
            } catch {
                #expect(!"\(error)".contains("\n"))
                return "\(error)".replacingOccurrences(of: folder + "/", with: "")
            }
            return "no error"
        }
    }

    /// dataset_info.json with one entry.
    private func info(_ entry: String) -> String { "{\"d\": \(entry)}" }

    private let row = #"{"instruction": "Say yes", "output": "yes"}"#

    @Test func unknownTemplateNamesTheNearest() throws {
        let text = try message(["d.json": "[\(row)]"], "d.json", template: "smolm2")
        #expect(text.hasPrefix("template: found smolm2, expected one of default, empty"))
        #expect(text.hasSuffix("did you mean smollm2?"))
    }

    @Test func unknownDatasetNamesTheNearest() throws {
        let files = ["dataset_info.json": info(#"{"file_name": "x.json"}"#)]
        #expect(
            try message(files, "dd")
                == "dataset dd: not in dataset_info.json and no file of that name; it lists d; "
                + "did you mean d?")
        #expect(
            try message(files) == "x.json: not found; check file_name and dataset_dir")
    }

    @Test(arguments: [
        (
            #"{"file_name": "d.json", "ranking": true}"#,
            "ranking: true found: preference pairs are not for stage sft"
        ),
        (
            #"{"file_name": "d.json", "split": "test"}"#,
            "split: test found; a file has the split train only"
        ),
        (
            #"{"file_name": "d.json", "columns": {"promt": "a"}}"#,
            "columns: promt is not known; did you mean prompt?"
        ),
        (
            #"{"file_name": "d.json", "colums": {}}"#,
            "key: colums is not known; did you mean columns?"
        ),
        (
            #"{"file_name": "d.json", "formatting": "alpacca"}"#,
            "formatting: alpacca found, expected alpaca, sharegpt or openai"
        ),
    ])
    func entryThatCannotBeUsedIsRefused(_ entry: String, _ problem: String) throws {
        let files = ["dataset_info.json": info(entry), "d.json": "[\(row)]"]
        #expect(try message(files) == "dataset d: \(problem)")
    }

    @Test func columnsThatNoRowHasAreNamed() throws {
        let rows = #"[{"question": "a", "answer": "b"}]"#
        #expect(
            try message(["q.json": rows], "q.json")
                == "dataset q.json: no row has instruction, output; columns found: answer, "
                + "question; name them in dataset_info.json under columns:")
        let entry =
            #"{"file_name": "d.json", "columns": {"prompt": "instruction", "#
            + #""response": "output", "system": "sys"}}"#
        let files = ["dataset_info.json": info(entry), "d.json": "[\(row)]"]
        #expect(try message(files).hasPrefix("dataset d: no row has sys; columns found: "))
    }

    @Test func whereNoRowCanBeReadTheFirstSaysWhy() throws {
        let found = try message(["q.jsonl": "{not json}\n{1}\n"], "q.jsonl")
        #expect(found.contains("all 2 rows are wrong; the first: "), "\(found)")
        #expect(found.contains("q.jsonl line 1"), "\(found)")
    }

    @Test func rowsWithImagesAreRefused() throws {
        let entry =
            #"{"file_name": "d.json", "columns": {"prompt": "instruction", "#
            + #""response": "output", "images": "images"}}"#
        for (separator, place) in [("\n", "line 2"), (" ", "row 2")] {
            let rows =
                #"[\#(row.dropLast()), "images": []},"# + separator
                + #"\#(row.dropLast()), "images": ["a.png"]}]"#
            #expect(
                try message(["dataset_info.json": info(entry), "d.json": rows])
                    == "d.json \(place): images found, but this is a text model; leave out the "
                    + "column or use rows of text only")
        }
    }

    @Test func brokenToolsAreAWrongRow() throws {
        let entry =
            #"{"file_name": "d.json", "columns": {"prompt": "instruction", "#
            + #""response": "output", "tools": "tools"}}"#
        let rows = #"[\#(row.dropLast()), "tools": "[{\"name\": "}]"#
        let text = try message(["dataset_info.json": info(entry), "d.json": rows])
        #expect(
            text.hasPrefix(
                "dataset d: all 1 rows are wrong; the first: d.json line 1: found tools: the end "
                    + "at byte 10 of the JSON, expected a value"))
    }

    @Test func conversationsThatDoNotAlternateAreWrongRows() throws {
        let rows =
            #"[{"conversations": [{"from": "gpt", "value": "a"}]},"#
            + #"{"conversations": [{"role": "user", "content": "a"}]},"#
            + #"{"conversations": [{"from": "human", "value": "a"}]}]"#
        let text = try message(["d.json": rows], "d.json")
        #expect(
            text.contains(
                "the first: d.json row 1: found message 1 is the assistant's, expected the user's"))
        try fixtures.withFolder(["d.json": rows]) { folder in
            let rows = try DatasetRows([DatasetCatalog(folder).entry("d.json")])
            let found = (0..<3).map { index -> String in
                do {
                    _ = try rows.conversation(.init(dataset: 0, row: Int32(index)))
                    return "none"
                } catch RowFailure.wrong(let problem) {
                    return problem.found
                } catch {
                    return "\(error)"
                }
            }
            #expect(
                found == [
                    "message 1 is the assistant's",
                    "a message without \"from\" (it has role, content)", "1 messages",
                ])
        }
    }

    @Test func aWrongRowOfAListInOneLineIsNamedByItsNumber() throws {
        let rows = ["d.json": "[\(row), \(row), {\"instruction\": 3, \"output\": \"a\"}]"]
        #expect(
            try message(rows, "d.json") { $0.isStrict = true }
                .hasPrefix("d.json row 3: found instruction: 3, expected text"))
        // The row is counted in its file, in whatever order it is taken.
        try fixtures.withFolder(rows) { folder in
            var settings = InstructionSettings(datasets: ["d.json"])
            settings.folder = folder
            var stream = try InstructionStream(
                settings, .named("chatml"), fixtures.tokenizer("llama"))
            for _ in 0..<3 { _ = try stream.nextExample() }
            #expect(stream.report.firstWrongRows.allSatisfy { $0.position == .row(3) })
            #expect(!stream.report.firstWrongRows.isEmpty)
        }
    }

    @Test func filesOfOtherKindsAndDamagedListsAreRefused() throws {
        #expect(
            try message(["d.xlsx": "PK"], "d.xlsx").hasPrefix(
                "d.xlsx: .xlsx found, expected .json, .jsonl, .csv, .tsv, .parquet, .arrow"))
        #expect(
            try message(["d.parquet": "PAR1"], "d.parquet").hasSuffix(
                "expected a whole Parquet stream, so copy or download it again"))
        #expect(
            try message(["d.json": "[\(row),\n\(row)"], "d.json")
                == "d.json: line 2: expected \",\" or \"]\" after a row; the file is cut off")
        #expect(
            try message(["d.json": "[\(row)\n\(row)]"], "d.json")
                == "d.json: line 2: expected \",\" or \"]\" after a row; the list is damaged")
        #expect(
            try message(["d.json": "hello"], "d.json")
                == "d.json: expected a list of objects or an object on each line")
        #expect(try message(["d.json": "[]"], "d.json") == "dataset d.json: no rows found")
    }

    @Test func cutoffThatLeavesNoLabelIsRefused() throws {
        let row =
            "{\"instruction\": \"\(String(repeating: "long ", count: 80))\", \"output\": \"\"}"
        #expect(
            try message(["d.json": "[\(row)]"], "d.json", template: "empty") {
                $0.encoding.cutoffLength = 8
            }
                == "cutoff_len: 8 leaves no label in any of the 1 rows; raise it above the length "
                + "of the prompts")
    }

    @Test func settingsThatContradictEachOtherAreRefused() throws {
        let files = ["d.json": "[\(row)]"]
        func refused(_ change: (inout InstructionSettings) -> Void) throws -> String {
            try message(files, "d.json", change: change)
        }
        #expect(
            try refused { $0.heldOut = 5 } == "val_size: found 5 of 1 rows, expected fewer rows")
        #expect(try refused { $0.heldOut = 1.5 }.hasPrefix("val_size: found 1.5, expected"))
        #expect(
            try refused { $0.probabilities = [1] }
                == "interleave_probs: found 1.0, expected a mix_strategy that interleaves")
        #expect(
            try refused {
                $0.encoding.masksHistory = true
                $0.encoding.trainsOnPrompt = true
            }.hasPrefix("mask_history: found true with train_on_prompt: true"))
        #expect(
            try message(files, "d.json", template: "glm4") { $0.encoding.trainsOnPrompt = true }
                .hasPrefix("train_on_prompt: found true with template glm4"))
    }
}
