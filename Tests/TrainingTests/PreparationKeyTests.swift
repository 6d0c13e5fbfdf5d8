import Configuration
import Distributed
import Files
import Foundation
import TestSupport
import Testing
import Training

/// Keys of `prepare`: each of them is seen in the shards.
@Suite struct PreparationKeyTests {
    typealias Contents = [String: ConfigurationValue.Content]
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "a.jsonl",
            (0..<30).map { "{\"text\": \"The cat \($0) sat.\", \"body\": \"A dog \($0) ran.\"}\n" }
                .joined())
        try folder.write(
            "b.jsonl", (0..<20).map { "{\"text\": \"It is \($0) now.\"}\n" }.joined())
        for (name, file, more) in [
            ("info", "a.jsonl", ""), ("other", "b.jsonl", ""),
            ("drawn", "a.jsonl", ", \"num_samples\": 9"),
        ] {
            _ = try folder.makeFolder(name)
            try folder.write(
                "\(name)/dataset_info.json",
                """
                {"a": {"file_name": "../\(file)"\(more)}, "b": {"file_name": "../b.jsonl"}}
                """)
        }
    }

    private func preparation(_ contents: Contents, output: String) throws -> ShardPreparation {
        let base: Contents = [
            "stage": .string("pt"), "dataset": .string("a,b"),
            "dataset_dir": .string(folder.path("info")),
            "tokenizer_name_or_path": .string(
                References.folder.appendingPathComponent("finetuning/model").path),
            "tokenized_path": .string(output),
        ]
        return try ShardPreparation(
            RunConfiguration(
                values: base.merging(contents) { $1 }.mapValues { ConfigurationValue($0) },
                command: .prepare),
            localRanks: 1)
    }

    /// The shards that the settings give.
    private func shards(_ contents: Contents) throws -> [Data] {
        let output = folder.path("shards-\(UUID().uuidString)")
        _ = try preparation(contents, output: output).run(over: SingleProcess())
        let names = try FileManager.default.contentsOfDirectory(atPath: output)
        return try names.filter { $0.hasSuffix(".tokens") }.sorted().map {
            try Data(contentsOf: URL(fileURLWithPath: output + "/" + $0))
        }
    }

    @Test func aKeyThatIsHonouredIsSeenInTheShards() throws {
        let drawn = ["dataset_dir": .string(folder.path("drawn"))] as Contents
        let interleaved = ["mix_strategy": .string("interleave_under")] as Contents
        let cases: [(beside: Contents, change: Contents)] = [
            ([:], ["dataset": .string("a")]), ([:], ["dataset": .string("b,a")]),
            ([:], ["dataset_dir": .string(folder.path("other"))]),
            (["dataset": .string("a")], ["text_column": .string("body")]),
            ([:], ["max_samples": .int(5)]), ([:], drawn), (drawn, ["seed": .int(7)]),
            ([:], interleaved), ([:], ["mix_strategy": .string("interleave_over")]),
            (interleaved, ["interleave_probs": .string("0.2,0.8")]),
        ]
        for (beside, change) in cases {
            var change = change
            // A column of a path; entries of dataset_info.json name their own.
            var beside = beside
            if change["text_column"] != nil {
                beside["dataset"] = .string(folder.path("a.jsonl"))
                change["dataset"] = beside["dataset"]
            }
            let before = try shards(beside)
            #expect(!before.isEmpty)
            #expect(try shards(beside.merging(change) { $1 }) != before, "\(change)")
        }
    }

    @Test func howATextIsDividedIntoDocumentsIsTold() throws {
        let path = try folder.write("lines.txt", "one\ntwo\n")
        try folder.write(
            "info/dataset_info.json", #"{"lines": {"file_name": "../lines.txt"}}"#)
        let output = folder.path("told")
        let listed = try preparation(["dataset": .string("lines")], output: output).notices
        #expect(listed.contains { $0.hasPrefix("dataset lines: each line is a document, ") })
        let given = try preparation(["dataset": .string(path)], output: output).notices
        #expect(given.contains { $0.hasPrefix("dataset \(path): each file is one document; ") })
    }

    @Test func numbersOfThreadsChangeNoShard() throws {
        let before = try shards([:])
        #expect(try shards(["preprocessing_num_workers": .int(3)]) == before)
        #expect(try shards(["threads_per_rank": .int(2)]) == before)
    }

    /// Without the key what is there stays; with it everything is written anew.
    @Test func overwriteCacheBeginsAnew() throws {
        let output = folder.path("kept")
        func skipped(_ contents: Contents) throws -> Int {
            try preparation(contents, output: output).run(over: SingleProcess()).report
                .unitsSkipped
        }
        #expect(try skipped([:]) == 0)
        #expect(try skipped([:]) > 0)
        #expect(try skipped(["overwrite_cache": .bool(true)]) == 0)
    }

    @Test func aFolderThatAnotherPreparationHoldsIsLeftAloneAndTheOtherIsNamed() throws {
        let output = folder.path("held")
        _ = try preparation([:], output: output).run(over: SingleProcess())
        let before = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
        let lock = try FolderLock(output, name: "tokenized_path", command: "the other")
        defer { lock.release() }
        let error = #expect(throws: TrainingError.self) {
            _ = try preparation(["overwrite_cache": .bool(true)], output: output)
                .run(over: SingleProcess())
        }
        let text = error?.description ?? ""
        #expect(
            text.hasPrefix("tokenized_path '\(output)' is in use by process \(getpid()) on ")
                && text.contains("(the other), since "), "\(text)")
        let after = try FileManager.default.contentsOfDirectory(atPath: output).sorted()
        #expect(after.filter { !$0.hasPrefix(FolderLock.fileName) } == before)
    }
}
