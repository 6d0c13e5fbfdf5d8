import Columnar
import Testing

/// Rows are those that pyarrow reads.
@Suite struct ParquetRowsTests {
    @Test(arguments: ["none", "snappy", "gzip", "zstd", "lz4"], ["v1", "v2"])
    func everyCodecAndPageVersionGivesTheRows(codec: String, version: String) throws {
        let expected = try ParquetFiles.expected("codec")
        for values in ["plain", "dictionary"] {
            #expect(try ParquetFiles.text("codec-\(codec)-\(version)-\(values)") == expected)
        }
    }

    @Test(arguments: [
        "chat", "chat-v2", "chat-old-names", "datasets", "datasets-json", "pandas", "maps",
        "groups", "fallback",
        "empty",
        "empty-groups",
    ])
    func nestedRowsAndWritersOfTodayAreRead(name: String) throws {
        #expect(try ParquetFiles.text(name) == ParquetFiles.expected(name))
    }

    @Test(arguments: [
        "two-levels", "two-levels-array", "two-levels-objects", "repeated", "old-map",
    ])
    func listsAndMapsOfOlderWritersAreRead(name: String) throws {
        #expect(try ParquetFiles.text(name) == ParquetFiles.expected(name))
    }

    @Test(arguments: ["types", "types-plain-v2", "types-decimal-integers", "int96", "encodings"])
    func everyTypeAndEncodingIsRead(name: String) throws {
        #expect(try ParquetFiles.text(name) == ParquetFiles.expected(name))
    }

    @Test(arguments: ["chat", "types", "codec-snappy-v1-dictionary"])
    func smallBuffersGiveTheSameBytes(name: String) throws {
        let whole = try ParquetFiles.text(name)
        for size in [1, 2, 7, 1000] {
            #expect(try ParquetFiles.text(name, buffer: size) == whole)
        }
    }

    @Test func columnsThatAreNotAskedForAreLeftOut() throws {
        let source = try ParquetSource(ParquetFiles.path("pandas"), columns: ["n", "absent"])
        #expect(try ParquetFiles.text(source) == "{\"n\":null}\n{\"n\":2.0}\n")
    }

    @Test func columnsThatAreNotAskedForNeedNotBeReadable() throws {
        let source = try ParquetSource(ParquetFiles.path("not-utf8"), columns: ["list"])
        #expect(
            try ParquetFiles.text(source) == "{\"list\":[]}\n{\"list\":[0]}\n{\"list\":[0,1]}\n")
    }
}
