import Columnar
import Files
import Foundation
import TestSupport
import Testing

/// Files of which bytes are wrong or missing: they are refused, or give rows, and end.
@Suite struct ArrowDamageTests {
    private static let names = [
        "later_offsets", "version4", "refused_union", "refused_runs", "feather_lz4",
        "feather_zstd", "dictionary_deltas",
    ]

    @Test(arguments: names + ["views", "nested"])
    func aFlippedByteIsRefusedOrRead(_ name: String) throws {
        let folder = TestFolder()
        let bytes = readBytes(ArrowRows.path(name))
        let path = folder.write("t.arrow", bytes)
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        func set(_ index: Int, _ byte: UInt8) throws {
            try file.seek(toOffset: UInt64(index))
            try file.write(contentsOf: Data([byte]))
        }
        var refused = 0
        for (index, byte) in bytes.enumerated() {
            for flip: UInt8 in [0xFF, 1 << UInt8(index % 8)] {
                try set(index, byte ^ flip)
                do throws(FileProblem) {
                    _ = try ArrowRows.bytes(path, most: 1 << 18)
                } catch {
                    try #require(Self.isExpected(error), "byte \(index): \(error.message)")
                    refused += 1
                }
            }
            try set(index, byte)
        }
        #expect(refused > 0)
    }

    @Test(arguments: names + ["chats", "dictionaries_file"])
    func aFileThatIsCutOffIsRefused(_ name: String) throws {
        let folder = TestFolder()
        let bytes = readBytes(ArrowRows.path(name))
        let path = folder.write("t.arrow", bytes)
        for count in bytes.indices.reversed() {
            #expect(truncate(path, count) == 0)
            do throws(FileProblem) {
                _ = try ArrowRows.bytes(path)
                Issue.record("\(count) of \(bytes.count) bytes are read")
            } catch { try #require(Self.isExpected(error), "\(count) bytes: \(error.message)") }
        }
    }

    private static func isExpected(_ problem: FileProblem) -> Bool {
        switch problem {
        case .damaged, .unsupported: true
        default: false
        }
    }
}
