import Datasets
import Files
import Foundation
import Templates
import TestSupport
import Testing
import TextData

/// Files of rows that are damaged or meant to do harm: each ends with a line that names the place.
@Suite struct HostileRowTests {
    private let folder = TestFolder()

    /// The rows' texts, or the message; a scanner that does not get on would give no end of rows.
    private func read(
        _ text: String, _ name: String = "d.jsonl", limit: RecordLimit = .usual
    ) throws -> String {
        let path = folder.write(name, text)
        do {
            let file = try RowFile(path, limit: limit)
            var places = try file.places()
            var rows: [String] = []
            while let place = try places.next() {
                try #require(place.count > 0 && rows.count < 100)
                do throws(RowProblem) {
                    rows.append(try file.row(at: place).text())
                } catch {
                    rows.append("\(place.position): \(error.found) | \(error.expected)")
                }
            }
            return rows.joined(separator: "\n")
        } catch let error as ConversationError {
            return "\(error)".replacing(path + ": ", with: "")
        }
    }

    @Test(arguments: [
        // The reproducer, and a bracket too many in every place.
        ("{\"a\": 1}}\n", 1, "}"), ("{\"a\": 1}\n}\n{\"a\": 2}\n", 2, "}"),
        ("{\"a\": 1}\n{\"a\": [2]]}\n", 2, "}"), ("{\"a\": 1}]\n", 1, "]"),
        ("{\"a\": 1}\n\n\n]\n", 4, "]"), ("[{\"a\": 1},}]", 1, "}"), ("[,{\"a\": 1}]", 1, ","),
        ("[{\"a\": 1},\n,{\"a\": 1}]", 2, ","), ("[{\"a\": 1},]", 1, "]"),
        ("[\n}\n]", 2, "}"),
    ])
    func aBracketTooManyIsNamedWithItsLine(text: String, line: Int, found: String) throws {
        let said = try read(text, text.hasPrefix("[") ? "d.json" : "d.jsonl")
        #expect(
            said.hasPrefix("line \(line): found '\(found)', expected an object")
                // What follows a value that is none ends as a row that is none.
                || said.contains("line \(line): ") && said.contains("\"]\""),
            "\(said)")
    }

    @Test(arguments: [
        "[{\"a\": 1}}]", "[{\"a\": 1}]]", "[{\"a\": 1}] x", "[{\"a\": 1} {\"a\": 2}]",
    ])
    func aDamagedListIsNamedWithItsLine(text: String) throws {
        #expect(try read(text, "d.json").hasPrefix("line 1: "))
        #expect(try read("\n\n" + text, "d.json").hasPrefix("line 3: "))
    }

    @Test func severalObjectsOnALineAreSeveralRows() throws {
        // As pyarrow reads them, which `datasets` loads .jsonl with.
        #expect(
            try read("{}{\"a\": 1} {\"a\": 2}\n{\"a\": 3}")
                == "{}\n{\"a\": 1}\n{\"a\": 2}\n{\"a\": 3}")
    }

    @Test func textAfterARowIsAWrongRow() throws {
        let said = try read("{\"a\": 1} tail\n{\"a\": 2}\n")
        #expect(said.hasPrefix("{\"a\": 1}\nline 1: \"tail\""))
        #expect(said.hasSuffix("\n{\"a\": 2}"))
    }

    /// The row after a damaged one is read.
    @Test(arguments: [
        "{\"a\": 1", "{\"a\": [1, 2}", "{\"a\": [{\"b\": 1}", "{\"a\": {\"b\": null}", "{\"a\": 1,",
        "{\"a\": [1",
        "{\"a\": true", "{",
    ])
    func aMissingBracketTakesNoOtherRowAlong(damaged: String) throws {
        let said = try read("{\"a\": 0}\n\(damaged)\n{\"a\": 2}\n{\"a\": 3}\n")
        #expect(said.hasPrefix("{\"a\": 0}\nline 2: "), "\(said)")
        #expect(said.hasSuffix("\n{\"a\": 2}\n{\"a\": 3}"), "\(said)")
    }

    @Test func rowsOfSeveralLinesAreRows() throws {
        let row =
            "{\n  \"a\":\n  {\n    \"b\": [\n      {\"c\": 1},\n      {\"c\": 2}\n    ]\n  }\n}"
        let plain = "{\"a\": {\"b\": [{\"c\": 1}, {\"c\": 2}]}}"
        #expect(try read(row + "\n" + row) == plain + "\n" + plain)
    }

    @Test func aColumnThatIsThereTwiceIsRefused() throws {
        let said = try read("a,b,b\n1,2,3\n", "d.csv")
        #expect(
            said
                == "line 1: the column b is there twice, expected each once; rename or remove one",
            "\(said)")
    }

    @Test(arguments: ["", " \n\t\r\n ", "\u{FEFF}", "\u{FEFF}\n"])
    func whiteSpaceHasNoRows(text: String) throws { #expect(try read(text) == "") }

    @Test(arguments: [",", "}", "]", "null", "\u{0}"])
    func aFileOfNoObjectIsRefused(text: String) throws {
        #expect(try read(text) == "expected a list of objects or an object on each line")
    }

    @Test func aListThatIsCutOffIsRefused() throws {
        for text in ["[", "[{\"a\": 1}", "[{\"a\": 1},", "[{\"a\": 1},\n"] {
            #expect(try read(text, "d.json").contains("cut off"), "\(text)")
        }
    }

    @Test func aRowLargerThanALimitIsRefusedWithItsLine() throws {
        let limit = RecordLimit(bytes: 50)
        let long = "{\"a\": \"\(String(repeating: "x", count: 50))\"}"
        let words = "of 59 bytes found, at most 50 expected; divide it into several"
        #expect(try read("{}\n\(long)", limit: limit).hasPrefix("line 2: a row " + words))
        #expect(
            try read("[{},\n\n\(long)]", "d.json", limit: limit).hasPrefix("line 3: a row " + words)
        )
        #expect(
            try read("a,b\n1,2\n\"\(long)", "d.csv", limit: limit)
                .hasPrefix("line 3: a record of 60 bytes found"))
        #expect(try read(String(long.dropLast(11)) + "\"}", limit: limit).hasPrefix("{\"a\""))
    }

    @Test func aDeeplyNestedRowIsAWrongRow() throws {
        let deep = String(repeating: "[", count: 100_000)
        #expect(try read("{\"a\": \(deep)").contains("expected at most 256 levels") == false)
        #expect(try read("{\"a\": \(deep)").contains("| at most 256 levels"))
    }

    @Test func packedRowsAreThoseOfTheFileWithin() throws {
        for (name, text) in [
            ("d.jsonl", "{\"a\": 1}\n{\"a\": [2]}\n"), ("d.json", "[{\"a\": 1},\n{\"a\": 2}]"),
            ("d.csv", "a,b\n1,2\n"), ("d.jsonl", ""),
        ] {
            let plain = try read(text, name)
            for (ending, bytes) in [
                (".gz", Packed.gzip(Array(text.utf8))), (".zst", Packed.zstd(Array(text.utf8))),
            ] {
                let file = try RowFile(folder.write(name + ending, bytes))
                var places = try file.places()
                var rows: [String] = []
                while let place = try places.next() { rows.append(try file.row(at: place).text()) }
                #expect(rows.joined(separator: "\n") == plain, "\(name)\(ending)")
            }
        }
        let path = folder.write("e.jsonl.gz", Array("{\"a\": 1}".utf8))
        #expect(
            throws: ConversationError.file(
                path: path,
                problem: "is not in gzip format; expected a whole gzip stream, so copy or download "
                    + "it again")
        ) { _ = try RowFile(path) }
        let table = folder.write("e.parquet.gz", Packed.gzip([1]))
        #expect(
            throws: ConversationError.file(
                path: table,
                problem: "a packed table found, expected the .parquet itself; unpack it first")
        ) { _ = try RowFile(table) }
    }

    @Test func aPipeIsNoFileOfRows() throws {
        let path = folder("p.jsonl")
        #expect(mkfifo(path, 0o600) == 0)
        #expect(
            throws: ConversationError.file(
                path: path,
                problem: "a pipe found, a file expected; write its content into a file first")
        ) { _ = try RowFile(path) }
    }
}
