import Columnar
import Files
import Foundation
import TestSupport
import Testing

/// Folders of save_to_disk.
@Suite struct SavedDatasetTests {
    private static let folder = References.folder.appendingPathComponent("arrow/saved")
        .path

    private static func texts(_ files: [String]) throws -> [String?] {
        try files.flatMap { try ArrowRows.values(ArrowRows.bytes($0)).map { $0["text"]?.string } }
    }

    @Test func aDatasetHasOneSplit() throws {
        let saved = try #require(try SavedDataset(folder: Self.folder + "/one"))
        #expect(saved.splits.map(\.name) == ["train"])
        let files = saved.splits[0].files
        #expect(files == [Self.folder + "/one/data-00000-of-00001.arrow"])
        #expect(try Self.texts(files) == ["one", "two", nil, "four"])
    }

    @Test func theStateNamesTheSplit() throws {
        let saved = try #require(try SavedDataset(folder: Self.folder + "/named"))
        #expect(saved.splits.map(\.name) == ["validation"])
    }

    @Test func splitsAndShardsKeepTheirOrder() throws {
        let saved = try #require(try SavedDataset(folder: Self.folder + "/splits"))
        #expect(saved.splits.map(\.name) == ["train", "extra"])
        #expect(saved.splits.map(\.files.count) == [3, 1])
        #expect(try Self.texts(saved.splits[0].files) == ["one", "two", nil, "four"])
        #expect(try Self.texts(saved.splits[1].files) == ["four", "two"])
    }

    @Test func anotherFolderIsNone() throws {
        let folder = TestFolder()
        #expect(try SavedDataset(folder: folder.path) == nil)
        #expect(try SavedDataset(folder: folder("missing")) == nil)
    }

    @Test func indicesAreRefusedWithAdvice() throws {
        let folder = TestFolder()
        folder.write(
            "state.json",
            #"{"_data_files": [{"filename": "d.arrow"}], "_indices_data_files": [{"filename": "i.arrow"}]}"#
        )
        let problem = #expect(throws: FileProblem.self) { try SavedDataset(folder: folder.path) }
        #expect(problem?.message.contains("flatten_indices()") == true)
        folder.write(
            "state.json", #"{"_data_files": [{"filename": "d.arrow"}], "_indices_data_files": []}"#)
        #expect(try SavedDataset(folder: folder.path)?.splits[0].files == [folder("d.arrow")])
    }

    @Test(arguments: [
        "{}", "[", #"{"_data_files": [{}]}"#, #"{"_data_files": ["a"]}"#, #"{"_data_files": 3}"#,
    ])
    func aStateWithoutFilesIsDamaged(_ state: String) throws {
        let folder = TestFolder()
        let path = folder.write("state.json", state)
        let problem = #expect(throws: FileProblem.self) { try SavedDataset(folder: folder.path) }
        guard case .damaged(path, "JSON", _) = problem else {
            Issue.record("\(String(describing: problem))")
            return
        }
    }

    @Test(arguments: ["{}", #"{"splits": [1]}"#, #"{"splits": ["../a"]}"#])
    func aDictionaryWithoutSplitsIsDamaged(_ text: String) throws {
        let folder = TestFolder()
        folder.write("dataset_dict.json", text)
        #expect(throws: FileProblem.self) { try SavedDataset(folder: folder.path) }
    }

    @Test func aMissingSplitIsSaid() throws {
        let folder = TestFolder()
        folder.write("dataset_dict.json", #"{"splits": ["train"]}"#)
        let problem = #expect(throws: FileProblem.self) { try SavedDataset(folder: folder.path) }
        #expect(problem?.file == folder("train/state.json"))
    }
}
