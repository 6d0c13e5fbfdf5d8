import Datasets
import Files
import Foundation
import TestSupport
import Testing
import TextData

/// Rows of tables (.parquet, .arrow) as datasets and as a corpus, beside the same rows as lines of JSON.
@Suite struct TableRowsTests {
    private let folder = TestFolder()

    /// A file of Tests/References.
    private func path(_ name: String) -> String {
        References.folder.appendingPathComponent(name).path
    }

    private func rows(_ path: String) throws -> [String] {
        let file = try RowFile(path)
        var places = try file.places()
        var rows: [String] = []
        while let place = try places.next() { rows.append(try file.row(at: place).text()) }
        return rows
    }

    @Test(arguments: [
        "parquet/groups", "parquet/chat", "parquet/types", "parquet/datasets", "arrow/chats",
        "arrow/chats_file", "arrow/nested",
    ])
    func rowsAreThoseOfTheLines(_ name: String) throws {
        let table = path(name + (name.hasPrefix("parquet") ? ".parquet" : ".arrow"))
        let wanted = try rows(path(name + ".jsonl"))
        #expect(try rows(table) == wanted && !wanted.isEmpty)
    }

    @Test func aRowIsNamedByItsNumber() throws {
        let file = try RowFile(path("parquet/groups.parquet"))
        var places = try file.places()
        var last: RowFile.Place?
        while let place = try places.next() { last = place }
        #expect(last?.position == .row(60))
    }

    @Test func aFileThatNothingIsSaidAboutIsRecognised() throws {
        let entry = try DatasetCatalog(folder("none")).entry(path("arrow/chats.arrow"))
        #expect(entry.formatting == .openai && entry.columns["messages"] == "messages")
    }

    @Test func aSplitOfASavedDatasetIsChosen() throws {
        let saved = path("arrow/saved/splits")
        func files(_ entry: String) throws -> [String] {
            folder.write("dataset_info.json", "{\"d\": {\"file_name\": \"\(saved)\"\(entry)}}")
            return try DatasetCatalog(folder("")).entry("d").files.map {
                $0.replacing(saved + "/", with: "")
            }
        }
        let train = (0..<3).map { "train/data-0000\($0)-of-00003.arrow" }
        #expect(try files("") == train)
        #expect(try files(", \"split\": \"train\"") == train)
        #expect(try files(", \"split\": \"extra\"") == ["extra/data-00000-of-00001.arrow"])
        #expect {
            _ = try files(", \"split\": \"test\"")
        } throws: {
            "\($0)".hasSuffix(
                "no split test found, but train, extra; name one in split, or the folder of one in "
                    + "file_name")
        }
        // The folder alone is a dataset, too, and one that was saved without splits needs no name.
        let catalog = try DatasetCatalog(folder("none"))
        #expect(try catalog.entry(saved).files.count == 3)
        #expect(try catalog.entry(path("arrow/saved/one")).files.count == 1)
    }

    @Test(arguments: [1, 3])
    func aCorpusHasTheDocumentsOfTheLines(_ ranks: Int) throws {
        try prepare([path("parquet/groups.jsonl")], to: folder("lines"))
        let wanted = try documents(folder("lines"))
        #expect(wanted.count > 30)
        for (name, bytes) in [("parquet/groups.parquet", 1 << 20), ("parquet/groups.parquet", 400)]
        {
            let output = folder("\(ranks)-\(bytes)")
            let manifest = try prepare([path(name)], to: output, ranks: ranks) {
                $0.unitBytes = bytes
            }
            #expect(try documents(output) == wanted, "units of \(bytes) bytes")
            #expect((manifest.shards.count > 1) == (bytes == 400))
        }
        folder.write("tables/a.parquet", readBytes(path("parquet/groups.parquet")))
        try prepare([folder("tables")], to: folder("found-\(ranks)"), ranks: ranks)
        #expect(try documents(folder("found-\(ranks)")) == wanted)
    }

    @Test func aRowWithoutTextIsNamed() throws {
        for bytes in [1 << 20, 400] {
            let error = corpusError { () throws(CorpusError) in
                try prepare([path("parquet/groups.parquet")], to: folder("out-\(bytes)")) {
                    $0.textField = "body"
                    $0.unitBytes = bytes
                }
            }
            guard case .badRecord(_, let place, let problem) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(place == "row 1" && problem.contains("body"), "\(place): \(problem)")
        }
    }

    @Test func whatIsNoTableIsDamaged() throws {
        let whole = readBytes(path("parquet/groups.parquet"))
        let cut = folder.write("cut.parquet", Array(whole.dropLast(9)))
        let error = corpusError { () throws(CorpusError) in
            try prepare([cut], to: folder("out"))
        }
        guard case .damaged(cut, "Parquet", _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(throws: ConversationError.self) { _ = try RowFile(cut) }
        let coded = path("parquet/brotli.parquet")
        #expect {
            _ = try RowFile(coded)
        } throws: { "\($0)".contains("brotli") }
    }
}
