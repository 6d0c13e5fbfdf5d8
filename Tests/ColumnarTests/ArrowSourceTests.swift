import Columnar
import Files
import Foundation
import TestSupport
import Testing

/// Rows of Arrow files, against pyarrow's and datasets'.
@Suite struct ArrowSourceTests {
    @Test(arguments: [
        "scalars", "scalars_file", "nested", "chats", "chats_file", "chats_lz4", "chats_zstd",
        "sliced",
        "sliced_scalars", "sliced_nested", "version4", "without_marks", "views", "views_zstd",
        "dictionaries",
        "dictionaries_file", "empty", "no_columns", "dictionary_deltas", "dictionary_replaced",
        "later_offsets", "feather_uncompressed", "feather_lz4", "feather_zstd", "long_lz4",
        "datasets_types",
    ])
    func rowsAreThoseOfTheReference(_ name: String) throws {
        let rows = try ArrowRows.values(ArrowRows.bytes(ArrowRows.path(name)))
        let expected = try ArrowRows.expected(name)
        #expect(rows.count == expected.count)
        for (index, (row, wanted)) in zip(rows, expected).enumerated() where row != wanted {
            for (member, other) in zip(row.members ?? [], wanted.members ?? [])
            where member.key != other.key || member.value != other.value {
                Issue.record("row \(index): \(member) instead of \(other)")
            }
        }
    }

    @Test(arguments: ["chats", "scalars_file", "views_zstd", "empty"])
    func smallBuffersGiveTheSameBytes(_ name: String) throws {
        let whole = try ArrowRows.bytes(ArrowRows.path(name))
        #expect(try ArrowRows.bytes(ArrowRows.path(name), step: 1) == whole)
        #expect(try ArrowRows.bytes(ArrowRows.path(name), step: 7) == whole)
    }

    @Test func namedColumnsAloneAreRead() throws {
        let rows = try ArrowRows.values(
            ArrowRows.bytes(ArrowRows.path("nested"), columns: ["map", "last", "raw", "none"]))
        #expect(rows.map { $0.members?.map(\.key) } == Array(repeating: ["map", "last"], count: 4))
        #expect(rows.map { $0["last"]?.string } == ["a", "b", "c", "d"])
    }

    @Test(arguments: [
        ("union", "a union"), ("dense_union", "a union"), ("old_union", "a union"),
        ("runs", "run-end encoding"), ("interval", "a calendar interval"),
    ])
    func aColumnThatIsNotReadIsRefusedUnlessItIsLeftOut(_ name: String, _ kind: String) throws {
        let path = ArrowRows.path("refused_\(name)")
        let problem = #expect(throws: FileProblem.self) { try ArrowSource(path) }
        #expect(problem?.message.contains("column odd: \(kind) found; drop the column") == true)
        let rows = String(
            decoding: try ArrowRows.bytes(path, columns: ["plain"]), as: UTF8.self)
        #expect(rows == "{\"plain\":1}\n{\"plain\":2}\n")
    }

    @Test func consumedBytesGrowToTheFilesSize() throws {
        for name in ["chats", "chats_file", "feather_lz4", "empty", "dictionary_deltas"] {
            let path = ArrowRows.path(name)
            let source = try ArrowSource(path)
            var buffer = [UInt8](repeating: 0, count: 100)
            var before = 0
            while try buffer.withUnsafeMutableBytes({ try source.read(into: $0) }) > 0 {
                #expect(source.consumed >= before)
                before = source.consumed
            }
            #expect(source.consumed == readBytes(path).count)
        }
    }

    @Test func whatIsNoArrowIsSaid() throws {
        let folder = TestFolder()
        let cases: [(String, [UInt8], String)] = [
            ("empty", [], "is empty"),
            ("text", Array("{\"text\": \"a\"}\n".utf8), "does not begin with an Arrow schema"),
            ("feather", Array("FEA1 and more".utf8), "a Feather file of version 1 found"),
            ("parquet", Array("PAR1 and more".utf8), "a Parquet file found"),
            (
                "twice", readBytes(ArrowRows.path("chats")) + readBytes(ArrowRows.path("chats")),
                "behind its end-of-stream mark"
            ),
        ]
        for (name, bytes, message) in cases {
            let path = folder.write(name, bytes)
            let problem = #expect(throws: FileProblem.self) { try ArrowRows.bytes(path) }
            #expect(
                problem?.message.contains(message) == true, "\(name): \(problem?.message ?? "")")
        }
    }

    @Test func textThatIsNoUTF8NamesColumnAndRow() throws {
        let folder = TestFolder()
        var bytes = readBytes(ArrowRows.path("chats"))
        let text = try #require(bytes.firstRange(of: Array("Question 2?".utf8)))
        bytes[text.lowerBound + 1] = 0xFF
        let path = folder.write("t.arrow", bytes)
        let problem = #expect(throws: FileProblem.self) { try ArrowRows.bytes(path) }
        #expect(
            problem?.message.contains("row 3: column messages.content has a text that is no UTF-8")
                == true)
        #expect(try !ArrowRows.bytes(path, columns: ["id"]).isEmpty)
    }
}
