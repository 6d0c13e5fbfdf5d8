import Configuration
import Distributed
import Foundation
import TestSupport
import Testing
import TextData
import Training

/// `prepare` with stage: sft.
@Suite struct InstructionPreparationTests {
    typealias Contents = [String: ConfigurationValue.Content]
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        let rows = (0..<20).map {
            """
            {"instruction": "Add \($0) and 2.", "output": "\($0 + 2) it is.", "history": \
            [["Hello \($0)", "Hi"]], "system": "Count."}\n
            """
        }
        try folder.write("a.jsonl", rows.joined())
        try folder.write("b.jsonl", rows[..<9].reversed().joined())
        for (name, file, more) in [
            ("info", "a.jsonl", ""), ("other", "b.jsonl", ""),
            ("drawn", "a.jsonl", ", \"num_samples\": 9"),
            (
                "system", "a.jsonl",
                ", \"columns\": {\"prompt\": \"instruction\", \"response\": \"output\", \"system\": \"system\"}"
            ),
            (
                "history", "a.jsonl",
                ", \"columns\": {\"prompt\": \"instruction\", \"response\": \"output\", \"history\": \"history\"}"
            ),
        ] {
            _ = try folder.makeFolder(name)
            try folder.write(
                "\(name)/dataset_info.json",
                """
                {"a": {"file_name": "../\(file)"\(more)}, "b": {"file_name": "../b.jsonl"}}
                """)
        }
    }

    private func configuration(_ contents: Contents, output: String) throws -> RunConfiguration {
        let base: Contents = [
            "stage": .string("sft"), "dataset": .string("a,b"), "template": .string("chatml"),
            "dataset_dir": .string(folder.path("info")), "cutoff_len": .int(160),
            "tokenizer_name_or_path": .string(
                References.folder.appendingPathComponent("finetuning/model").path),
            "tokenized_path": .string(output),
        ]
        return try RunConfiguration(
            values: base.merging(contents) { $1 }.mapValues { ConfigurationValue($0) },
            command: .prepare)
    }

    private func prepare(_ contents: Contents, output: String) throws -> [String] {
        try StagePreparation(configuration(contents, output: output), localRanks: 1)
            .run(over: SingleProcess()) { _ in }
    }

    /// The examples that the settings give: to learn from, to evaluate on, prompts.
    private func examples(_ contents: Contents) throws -> [[[Int32]]] {
        let output = folder.path("kept-\(UUID().uuidString)")
        _ = try prepare(contents, output: output)
        let file = try #require(try TokenizedFile.open(in: output, idsBelow: .max))
        func numbers(_ places: Range<Int>) -> [[Int32]] {
            places.map(file.example).flatMap { [$0.ids, $0.labels, $0.segments ?? []] }
        }
        return [
            numbers(0..<file.trainingCount),
            numbers(file.trainingCount..<file.trainingCount + file.evaluationCount),
            (0..<file.promptCount).map(file.prompt).flatMap { [$0.ids, $0.labels] },
        ]
    }

    @Test func aKeyThatIsHonouredIsSeenInTheExamples() throws {
        let drawn = ["dataset_dir": .string(folder.path("drawn"))] as Contents
        let interleaved = ["mix_strategy": .string("interleave_under")] as Contents
        let history = ["dataset_dir": .string(folder.path("history"))] as Contents
        let packing = ["packing": .bool(true)] as Contents
        let cases: [(beside: Contents, change: Contents)] = [
            ([:], ["dataset": .string("a")]), ([:], ["dataset": .string("b,a")]),
            ([:], ["dataset_dir": .string(folder.path("other"))]),
            ([:], ["dataset_dir": .string(folder.path("system"))]),
            ([:], ["max_samples": .int(5)]), ([:], drawn), (drawn, ["seed": .int(7)]),
            ([:], interleaved), (interleaved, ["mix_strategy": .string("interleave_over")]),
            (interleaved, ["interleave_probs": .string("0.2,0.8")]),
            ([:], ["eval_dataset": .string("b")]), ([:], ["val_size": .int(4)]),
            (["val_size": .int(4)], ["seed": .int(7)]), ([:], ["template": .string("qwen")]),
            ([:], ["cutoff_len": .int(26)]), ([:], ["train_on_prompt": .bool(true)]),
            (history, ["mask_history": .bool(true)]), ([:], packing),
            (packing, ["neat_packing": .bool(true)]),
            (packing, ["preprocessing_batch_size": .int(2)]),
            ([:], ["default_system": .string("Be brief.")]),
            (["template": .string("qwen3")], ["enable_thinking": .bool(false)]),
        ]
        for (beside, change) in cases {
            let before = try examples(beside)
            #expect(!before[0].isEmpty)
            #expect(try examples(beside.merging(change) { $1 }) != before, "\(change)")
            #expect(try examples(beside) == before, "\(beside) twice")
        }
    }

    @Test func eachDatasetToEvaluateOnIsAPartOfItsOwn() throws {
        let output = folder.path("kept")
        _ = try prepare(
            ["eval_dataset": .string("b,a"), "eval_on_each_dataset": .bool(true)], output: output)
        let file = try #require(try TokenizedFile.open(in: output, idsBelow: .max))
        #expect(file.record.parts.map(\.name) == ["b", "a"])
        #expect(file.record.parts.map(\.prompts) == [0..<9, 9..<29])
        #expect(file.promptCount == 29 && file.evaluationCount == 29)
    }

    @Test func whatIsThereIsLeftAndWhatDiffersOrIsDamagedIsWrittenAnew() throws {
        let output = folder.path("kept")
        let path = TokenizedFile.path(in: output)
        func data() -> Data? { FileManager.default.contents(atPath: path) }
        func number() throws -> UInt64? {
            try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
        }
        let lines = try prepare([:], output: output)
        #expect(lines.last?.hasPrefix("\(output): 29 examples to learn from, ") == true)
        let (whole, first) = (data(), try number())
        #expect(
            try prepare([:], output: output)
                == ["\(output): its examples are those of this configuration already"])
        #expect(try number() == first)
        #expect(try prepare(["overwrite_cache": .bool(true)], output: output) == lines)
        #expect(try number() != first && data() == whole)
        _ = try prepare(["cutoff_len": .int(26)], output: output)
        #expect(data() != whole)
        _ = try prepare([:], output: output)
        #expect(data() == whole)
        // Other rows of the same length.
        let rows = try String(contentsOfFile: folder.path("b.jsonl"), encoding: .utf8)
        try folder.write("b.jsonl", rows.replacing("Add", with: "Sum"))
        _ = try prepare([:], output: output)
        #expect(data() != whole)
        try folder.write("b.jsonl", rows)
        try #require(whole).dropLast().write(to: URL(fileURLWithPath: path))
        _ = try prepare([:], output: output)
        #expect(data() == whole)
    }

    @Test func mistakesLeaveNothingBehind() throws {
        let output = folder.path("kept")
        let cases: [(Contents, String)] = [
            (["dataset": .string("c")], "dataset c: not in "),
            (["cutoff_len": .int(2)], "cutoff_len: "),
            (["val_size": .int(29)], "val_size: found 29 of 29 rows, expected fewer rows"),
            (["template": .string("chatmll")], "did you mean chatml?"),
        ]
        for (contents, message) in cases {
            do {
                _ = try prepare(contents, output: output)
                Issue.record("\(contents) is taken")
            } catch {
                #expect("\(error)".contains(message), "\(error)")
                #expect(!"\(error)".contains("\n"))
            }
            #expect(!FileManager.default.fileExists(atPath: output), "\(contents)")
        }
    }

    @Test func aFolderOfTheOtherStageOrOfAnotherProgramIsRefused() throws {
        let output = folder.path("kept")
        _ = try prepare([:], output: output)
        let shards = folder.path("shards")
        _ = try folder.makeFolder("shards")
        try folder.write("shards/dataset.json", "{}")
        let arrow = folder.path("arrow")
        _ = try folder.makeFolder("arrow")
        try folder.write("arrow/dataset_dict.json", "{}")
        let cases: [(stage: String, output: String, message: String)] = [
            (
                "pt", output,
                "holds encoded conversations (conversations.tokens), which stage: sft reads"
            ),
            (
                "sft", shards,
                "holds shards of running text, which stage: pt reads, but stage is sft"
            ),
            ("sft", arrow, "holds what LLaMA-Factory has tokenized (dataset_dict.json)"),
        ]
        for (stage, output, message) in cases {
            let before = try FileManager.default.contentsOfDirectory(atPath: output)
            let change: Contents = [
                "stage": .string(stage), "dataset": .string(folder.path("a.jsonl")),
                "text_column": .string("output"), "dataset_dir": .string(folder.path("none")),
            ]
            do {
                _ = try prepare(change, output: output)
                Issue.record("\(stage) is prepared in \(output)")
            } catch {
                #expect("\(error)".hasPrefix("tokenized_path: '\(output)' \(message)"), "\(error)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: output) == before)
        }
    }
}
