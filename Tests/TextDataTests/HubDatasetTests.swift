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

    @Test func aCopyThatCannotBeReadIsNamed() throws {
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            let cache = folder + "/hf/hub/datasets--org--alpaca-zh"
            try write(cache + "/refs/main", "c0")
            try write(cache + "/snapshots/c0/data/train-00000-of-00001.parquet", "PAR1")
            #expect(
                try problem(folder)
                    == "dataset zh: hf_hub_url org/alpaca-zh found without file_name; its copy in "
                    + "hf/hub/datasets--org--alpaca-zh/snapshots/c0 is parquet, which is not read "
                    + "here; save it as JSON lines and set file_name")
        }
        try fixtures.withFolder(["dataset_info.json": info]) { folder in
            try write(folder + "/hf/datasets/org___alpaca-zh/default/x.arrow", "")
            #expect(try problem(folder)?.contains("is a table of Arrow, which is not read") == true)
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
