import Columnar
import Files
import Foundation
import TestSupport
import Testing

/// What is refused, and damage.
@Suite struct ParquetProblemsTests {
    @Test(arguments: [
        ("brotli", "column text: values packed with brotli found; rewrite it"),
        ("lzo", "column n: values packed with LZO found; rewrite it"),
        ("old-lz4", "column n: values packed with LZ4 in the framing of Hadoop found"),
        ("encrypted", "an encrypted footer (PARE) found"),
        ("encrypted-column", "column n: encrypted values found"),
        ("other-file", "column n: values in another file (part-0.parquet) found"),
        ("packed-levels", "column n: levels in encoding 4"),
        ("raw-only", "columns of raw bytes only (raw, raws) found"),
        ("not-utf8", "row 2: column text: a text that is not UTF-8"),
        ("not-utf8-plain", "row 2: column text: a text that is not UTF-8"),
    ])
    func whatIsNotReadIsNamed(name: String, line: String) {
        let problem = ParquetFiles.problem(ParquetFiles.path(name))
        #expect(problem?.problem.contains(line) == true, "\(problem?.message ?? "no problem")")
    }

    @Test func columnsThatNoFileHasAreNamed() {
        let problem = ParquetFiles.problem(ParquetFiles.path("pandas"), columns: ["words", "body"])
        #expect(
            problem?.problem.contains("expected body or words with texts or numbers") == true,
            "\(problem?.message ?? "no problem")")
    }

    @Test func whatIsNoParquetFileIsDamaged() throws {
        let folder = try TemporaryFolder()
        for text in ["", "PAR1", "PAR1PAR1PAR1", "{\"text\": \"a line of JSON\"}\n"] {
            let problem = ParquetFiles.problem(try folder.write("file.parquet", text))
            guard case .damaged(_, "Parquet", _) = problem else {
                Issue.record("\(text): \(problem?.message ?? "no problem")")
                continue
            }
        }
    }

    @Test func aChecksumThatDisagreesIsDamage() throws {
        var bytes = try ParquetFiles.bytes("codec-none-v1-plain")
        // Neither the first nor the last, which are in statistics.
        let places = bytes.ranges(of: Array("quick".utf8))
        let place = try #require(places.dropFirst(places.count / 2).first?.lowerBound)
        bytes[place] ^= 1
        let folder = try TemporaryFolder()
        let path = folder.path("file.parquet")
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(ParquetFiles.problem(path)?.problem.contains("another checksum") == true)
    }

    /// Nothing but rows or a problem: no crash, no hang.
    @Test(arguments: ["two-levels", "old-map", "codec-lz4-v1-plain", "codec-snappy-v2-dictionary"])
    func changedAndCutFilesAreDamagedOrRead(name: String) throws {
        let bytes = try ParquetFiles.bytes(name)
        let folder = try TemporaryFolder()
        let path = folder.path("file.parquet")
        let place = URL(fileURLWithPath: path)
        // Every byte of the smallest files, every other one of the rest.
        for index in stride(from: 0, to: bytes.count, by: bytes.count < 500 ? 1 : 2) {
            var changed = bytes
            changed[index] ^= [0xFF, 0x01, 0x80, 0x10][index / 2 & 3]
            try Data(changed).write(to: place)
            _ = ParquetFiles.problem(path)
        }
        for count in stride(from: 0, to: bytes.count, by: 7) {
            try Data(bytes[..<count]).write(to: place)
            #expect(ParquetFiles.problem(path) != nil, "cut to \(count) bytes")
        }
    }
}
