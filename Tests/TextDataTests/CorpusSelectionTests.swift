import Datasets
import Foundation
import TestSupport
import Testing
import TextData

/// Parts of datasets of running text, as LLaMA-Factory takes them.
@Suite struct CorpusSelectionTests {
    private let folder = TestFolder()

    private func selection(
        _ name: String, column: String = "text", lines: Bool = false, samples: Int? = nil,
        limit: Int? = nil
    ) -> CorpusSelection {
        CorpusSelection(
            name: name, paths: [folder(name)], textColumn: column, writtenColumn: "text",
            linesAreDocuments: lines, sampleCount: samples, limit: limit)
    }

    /// The documents of a corpus made of selections, in its order.
    private func documents(
        of selections: CorpusSelection..., seed: UInt64 = 42
    ) throws -> [String] {
        let outputs = selections.indices.map { folder(".selected-\($0).jsonl") }
        let parts = zip(selections, outputs).map { (selection: $0, output: $1) }
        try CorpusSelection.write(parts, seed: seed)
        try prepare(outputs, to: folder("shards"))
        return try TextDataTests.documents(folder("shards"))
    }

    private func write(_ name: String, _ texts: [String], column: String = "text") throws {
        var lines = ""
        for text in texts {
            let data = try JSONSerialization.data(
                withJSONObject: [column: text, "n": 1] as [String: Any])
            lines += String(decoding: data, as: UTF8.self) + "\n"
        }
        folder.write(name, lines)
    }

    private let words = ["one", "two", "three", "four", "five", "six", "seven"]

    @Test func firstDocumentsAreTaken() throws {
        try write("a.jsonl", words)
        #expect(try documents(of: selection("a.jsonl", limit: 3)) == ["one", "two", "three"])
    }

    @Test func moreThanThereAreAreAll() throws {
        try write("a.jsonl", words)
        #expect(try documents(of: selection("a.jsonl", limit: 300)) == words)
    }

    @Test func limitReachesOverTheFilesOfAFolder() throws {
        try write("parts/1.jsonl", Array(words[..<2]))
        try write("parts/2.jsonl", Array(words[2...]))
        #expect(try documents(of: selection("parts", limit: 3)) == ["one", "two", "three"])
    }

    @Test func listOfObjectsIsCountedByObjects() throws {
        folder.write("a.json", #"[{"text": "one"}, {"text": "two"}, {"text": "three"}]"#)
        #expect(try documents(of: selection("a.json", limit: 2)) == ["one", "two"])
    }

    @Test func aTableOfOtherBytesThanUTF8IsRefused() {
        let path = folder.write("a.csv", Array("id,text\n1,caf".utf8) + [0xE9, 0x0A])
        #expect(
            throws: CorpusError.badRecord(
                file: path, place: "line 2",
                problem: "bytes that are no UTF-8 found, UTF-8 text expected")
        ) { try documents(of: selection("a.csv")) }
    }

    @Test func eachDatasetHasItsColumn() throws {
        try write("a.jsonl", ["one"])
        try write("b.jsonl", ["two"], column: "body")
        #expect(
            try documents(of: selection("a.jsonl"), selection("b.jsonl", column: "body"))
                == ["one", "two"])
    }

    @Test func tableIsReadByItsColumn() throws {
        folder.write("a.csv", "id,text\n1,\"one, or\nmore\"\n2,two\n")
        #expect(try documents(of: selection("a.csv")) == ["one, or\nmore", "two"])
        #expect(try documents(of: selection("a.csv", limit: 1)) == ["one, or\nmore"])
    }

    @Test func eachLineOfAListedTextIsADocument() throws {
        folder.write("a.txt", "one\r\ntwo\n\nthree")
        #expect(try documents(of: selection("a.txt", lines: true)) == ["one", "two", "three"])
        #expect(try documents(of: selection("a.txt", lines: true, limit: 2)) == ["one", "two"])
    }

    @Test func textGivenByItsPathIsOneDocumentAFile() throws {
        folder.write("parts/1.txt", "one\ntwo\n")
        folder.write("parts/2.txt", "three\n")
        let found = try documents(of: selection("parts", limit: 1))
        #expect(found.count == 1)
        #expect(found[0].hasPrefix("one\ntwo"))
    }

    @Test func samplesAreThoseThatNumPyDrawsAndAreLimitedAfterwards() throws {
        let path = References.folder.appendingPathComponent("legacy_numpy/drawn.json")
        let cases = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as! [[Any]]
        let drawn = cases[..<2].map { $0[3] as! [Int] }
        try write("a.jsonl", (0..<10).map { "a\($0)" })
        try write("b.jsonl", (0..<7).map { "b\($0)" })
        let first = selection("a.jsonl", samples: 4)
        #expect(
            try documents(of: first, selection("b.jsonl", samples: 20))
                == drawn[0].map { "a\($0)" } + drawn[1].map { "b\($0)" })
        #expect(
            try documents(of: first, selection("b.jsonl", samples: 20, limit: 5))
                == drawn[0].map { "a\($0)" } + drawn[1].prefix(5).map { "b\($0)" })
    }

    @Test(arguments: [
        (InstructionSettings.Mixing.interleaveUnder, ["a0", "b0", "a1", "b1"]),
        (InstructionSettings.Mixing.interleaveOver, ["a0", "b0", "a1", "b1", "a0", "b2"]),
        (InstructionSettings.Mixing.interleaveOnce, ["a0", "b0", "a1", "b1", "b2"]),
        (InstructionSettings.Mixing.concat, ["a0", "a1", "b0", "b1", "b2"]),
    ])
    func documentsAreInterleavedAsRowsAre(
        mixing: InstructionSettings.Mixing, expected: [String]
    ) throws {
        try write("a.jsonl", ["a0", "a1"])
        folder.write("b.csv", "body\nb0\nb1\nb2\nb3\n")
        let parts = [selection("a.jsonl"), selection("b.csv", column: "body", limit: 3)]
        let output = folder("mixed.jsonl")
        try CorpusSelection.write(parts, mixedTo: output, mixing, nil, seed: 42)
        try prepare([output], to: folder("shards"))
        #expect(try TextDataTests.documents(folder("shards")) == expected)
    }

    @Test func documentsAreDrawnByProbabilityAsTheDatasetsLibraryDoes() throws {
        // Three datasets of 3, 5 and 2 rows, in scripts/references/templates.py.
        let details = try ConversationsFixtures().details()["mixing"] as! [String: Any]
        let orders = details["orders"] as! [String: [[Int]]]
        let expected = orders["interleave_over 42 True"]!.map { "d\($0[0])-\($0[1])" }
        for (part, count) in [3, 5, 2].enumerated() {
            try write("\(part).jsonl", (0..<count).map { "d\(part)-\($0)" })
        }
        let output = folder("mixed.jsonl")
        try CorpusSelection.write(
            (0..<3).map { selection("\($0).jsonl") }, mixedTo: output, .interleaveOver,
            [0.5, 0.3, 0.2], seed: 42)
        try prepare([output], to: folder("shards"), encoder: byteEncoder)
        #expect(try TextDataTests.documents(folder("shards")) == expected)
    }

    @Test func repeatedSelectionLeavesShardsAlone() throws {
        try write("a.jsonl", words)
        _ = try documents(of: selection("a.jsonl", limit: 3))
        let plan = { [folder] in
            try CorpusPreparation(
                inputs: [folder(".selected-0.jsonl")], output: folder("shards"),
                encoder: byteEncoder
            ).plan().fingerprint
        }
        let before = try plan()
        _ = try documents(of: selection("a.jsonl", limit: 3))
        #expect(try plan() == before)
        _ = try documents(of: selection("a.jsonl", limit: 4))
        #expect(try plan() != before)
    }

    @Test(arguments: ["body", "n"])
    func wrongColumnIsNamedAndNothingIsLeft(column: String) throws {
        try write("a.jsonl", words)
        let error = corpusError { () throws(CorpusError) in
            try CorpusSelection.write(
                [(selection("a.jsonl", column: column, limit: 2), folder("out.jsonl"))], seed: 1)
        }
        let problem =
            column == "n"
            ? "n: 1 found, text expected"
            : "no field \"body\" (fields found: "
        guard case .badRecord(_, let place, let found) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(place == "line 1")
        #expect(found.hasPrefix(problem))
        #expect(folder.names() == ["a.jsonl"])
    }

    @Test func partOfACompressedFileIsRefused() throws {
        folder.write("a.jsonl.gz", [31, 139, 8, 0, 0, 0, 0, 0, 0, 3])
        let error = corpusError { () throws(CorpusError) in
            try CorpusSelection.write(
                [(selection("a.jsonl.gz", limit: 2), folder("out.jsonl"))], seed: 1)
        }
        #expect(
            error
                == .setting(
                    name: "max_samples",
                    found: "a part of \(folder("a.jsonl.gz")), which is compressed",
                    expected: "a file that is unpacked, or all of it"))
    }
}
