import Datasets
import Files
import Foundation
import Testing
import TextData

/// Entries of dataset_info.json that have the address of a hub and no file.
@Suite struct HubDatasetTests {
    private let fixtures = ConversationsFixtures()
    private let row = #"[{"instruction": "a", "output": "b"}]"#
    private let info = #"{"zh": {"hf_hub_url": "org/alpaca-zh"}}"#

    private func write(_ path: String, _ text: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func files(_ folder: String) throws -> [String] {
        let caches = HubCaches(environment: ["HF_HOME": folder + "/hf"])
        return try DatasetCatalog(folder, caches: caches).entry("zh").files.map {
            $0.replacing(folder + "/", with: "")
        }
    }

    private func problem(_ folder: String) throws -> String? {
        do {
            _ = try files(folder)
            return nil
        } catch let error as ConversationError {
            return "\(error)".replacing(folder + "/", with: "")
        }
    }

    @Test(arguments: ["zh.json", "zh.jsonl", "alpaca-zh.json", "org/alpaca-zh/a.json"])
    func aCopyInTheFolderOfDatasetsIsFoundByName(_ name: String) throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            try write(folder + "/" + name, row)
            #expect(try files(folder) == [name])
        }
    }

    @Test func aSnapshotInTheHubsCacheIsFound() throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            let cache = folder + "/hf/hub/datasets--org--alpaca-zh"
            try write(cache + "/refs/main", "c0ffee")
            try write(cache + "/snapshots/c0ffee/README.md", "# rows")
            try write(cache + "/snapshots/c0ffee/dataset_infos.json", "{}")
            try write(cache + "/snapshots/c0ffee/data/test.jsonl", row)
            try write(cache + "/snapshots/c0ffee/data/train.jsonl", row)
            #expect(
                try files(folder) == [
                    "hf/hub/datasets--org--alpaca-zh/snapshots/c0ffee/data/train.jsonl"
                ])
        }
    }

    @Test func aFileThatIsNamedWins() throws {
        let named = #"{"zh": {"hf_hub_url": "org/alpaca-zh", "file_name": "own.json"}}"#
        try fixtures.withFolder(["dataset_info.json": named, "own.json": row, "zh.json": row]) {
            let found = try files($0)
            #expect(found == ["own.json"])
        }
    }

    @Test func whatIsNotThereIsRefusedWithTheNameOfTheFileToPut() throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            let problem = try problem(folder)
            #expect(
                problem
                    == "dataset zh: hf_hub_url org/alpaca-zh found without file_name, and no copy "
                    + "of it is on this machine; download it and save it as zh.jsonl (or .json, "
                    + ".csv)")
        }
    }

    @Test func tablesOfASplitAreFound() throws {
        let cache = "hf/hub/datasets--org--alpaca-zh/snapshots/c0/data/"
        let names = ["test-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"].map {
            cache + $0 + ".parquet"
        }
        for (split, found) in [("", 1..<3), ("train", 1..<3), ("test", 0..<1)] {
            let entry =
                split.isEmpty ? info : info.replacing("}}", with: #", "split": "\#(split)"}}"#)
            try fixtures.withFolder(["dataset_info.json": entry]) { folder in
                try write(folder + "/hf/hub/datasets--org--alpaca-zh/refs/main", "c0")
                for name in names { try write("\(folder)/\(name)", "PAR1") }
                #expect(try files(folder) == Array(names[found]))
            }
        }
    }

    @Test func splitsAndConfigurationsAreNotMixed() throws {
        let snapshot = "hf/hub/datasets--org--alpaca-zh/snapshots/c0/"
        let shards = ["train_sft", "train_gen", "test_sft"].map { $0 + "-00000-of-00001.parquet" }
        func found(_ split: String, _ names: [String], readme: String = "# rows") throws -> String {
            let entry = info.replacing("}}", with: ", \"split\": \"\(split)\"}}")
            return try fixtures.withFolder(["dataset_info.json": entry]) { folder in
                try write(folder + "/hf/hub/datasets--org--alpaca-zh/refs/main", "c0")
                for name in names { try write("\(folder)/\(snapshot)\(name)", row) }
                try write("\(folder)/\(snapshot)README.md", readme)
                if let problem = try problem(folder) { return problem }
                return try files(folder).map { $0.replacing(snapshot, with: "") }
                    .joined(separator: " ")
            }
        }
        #expect(try found("train_sft", shards) == shards[0])
        #expect(
            try found("train", shards).hasSuffix(
                "has no file of the split train, but test_sft, train_gen, train_sft"))
        // As a word of other names, not as a part of one.
        #expect(try found("test", ["latest.jsonl", "my_test.jsonl"]) == "my_test.jsonl")
        #expect(try found("train", ["a.jsonl", "training/b.jsonl"]) == "training/b.jsonl")
        let readme = "---\nconfigs:\n- config_name: main\n- config_name: socratic\n---\n"
        let two = ["main/train-00000-of-00001.parquet", "socratic/train-00000-of-00001.parquet"]
        #expect(
            try found("train", two, readme: readme).hasSuffix(
                "has several configurations (main, socratic); name one's files in file_name"))
    }

    @Test func preparedTablesAreFoundUnlessThereAreSeveral() throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            let tables = "hf/datasets/org___alpaca-zh/default/0.0.0/"
            for name in [
                "a/alpaca-zh-train.arrow", "a/alpaca-zh-test.arrow", "a/cache-train.arrow",
            ] {
                try write("\(folder)/\(tables)\(name)", "")
            }
            #expect(try files(folder) == [tables + "a/alpaca-zh-train.arrow"])
            try write("\(folder)/\(tables)b/alpaca-zh-train.arrow", "")
            #expect(
                try problem(folder)?.hasSuffix(
                    "has tables in several folders (default/0.0.0/a, default/0.0.0/b); name one in "
                        + "file_name") == true)
        }
    }

    @Test func aCopyThatCannotBeReadIsNamed() throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            let cache = folder + "/hf/hub/datasets--org--alpaca-zh"
            try write(cache + "/refs/main", "c0")
            try write(cache + "/snapshots/c0/data.zip", "PK")
            #expect(
                try problem(folder)
                    == "dataset zh: hf_hub_url org/alpaca-zh found without file_name; its copy in "
                    + "hf/hub/datasets--org--alpaca-zh/snapshots/c0 is zip, which is not read "
                    + "here; save it as JSON lines and set file_name")
        }
        let entry = info.replacing("}}", with: #", "split": "test"}}"#)
        try fixtures.withFolder(["dataset_info.json": entry]) { folder in
            try write(folder + "/alpaca-zh/train.json", row)
            #expect(try problem(folder)?.hasSuffix("has no file of the split test") == true)
        }
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            try write(folder + "/alpaca-zh/a.json", row)
            try write(folder + "/alpaca-zh/a.csv", "a,b")
            #expect(try problem(folder)?.contains("files of several kinds (csv, json)") == true)
        }
    }

    @Test(arguments: ["script_url", "cloud_file_name"])
    func otherAddressesAreRefusedAsBefore(_ key: String) throws {
        try fixtures.withFolder(["dataset_info.json": #"{"zh": {"\#(key)": "x"}}"#]) { folder in
            let problem = try problem(folder)
            #expect(problem?.contains("\(key) found, but only local files") == true)
        }
    }

    @Test func entriesBesideTheFileWin() throws {
        try fixtures.withFolder(["dataset_info.json": info, "a.json": row, "zh.json": row]) {
            folder in
            let listed = try JSONValueReader.read(#"{"zh": {"file_name": "a.json"}}"#)
            let entry = try DatasetCatalog(folder, listed: listed).entry("zh")
            #expect(entry.files == [folder + "/a.json"])
        }
    }
}
