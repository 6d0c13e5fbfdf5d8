import Columnar
import Files
import Foundation
import TestSupport
import Testing

/// Tables that are refused as a whole, by messages made here: pyarrow does not write them.
@Suite struct ArrowRefusalTests {
    /// A stream whose first message has no columns.
    ///
    /// - Parameters:
    ///   - version: of the metadata, counted from 0.
    ///   - kind: of the message; 1 is a schema.
    private static func message(
        version: UInt8 = 4, kind: UInt8 = 1, endianness: UInt8 = 0
    ) -> [UInt8] {
        [0xFF, 0xFF, 0xFF, 0xFF, 48, 0, 0, 0]
            + [16, 0, 0, 0]  // where the message's table is
            + [10, 0, 12, 0, 8, 0, 10, 0, 4, 0, 0, 0]  // its fields' offsets
            + [12, 0, 0, 0, 16, 0, 0, 0, version, 0, kind, 0]
            + [6, 0, 6, 0, 4, 0, 0, 0]  // the schema's fields' offsets
            + [8, 0, 0, 0, endianness, 0, 0, 0, 0, 0, 0, 0]
            + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]
    }

    @Test func aSchemaWithoutColumnsHasNoRows() throws {
        let folder = TestFolder()
        let path = folder.write("plain.arrow", Self.message())
        #expect(try ArrowRows.bytes(path) == [])
    }

    @Test(arguments: [
        ("big", message(endianness: 1), "big-endian numbers found; write it again"),
        ("old", message(version: 1), "metadata version 2 (before Arrow 0.8) found; read it"),
        ("new", message(version: 9), "unknown metadata version 10"),
        ("tensor", message(kind: 4), "a tensor found; write the data as a table"),
        ("odd", message(kind: 77), "a message of the unknown kind 77"),
    ])
    func otherTablesAreRefused(_ name: String, _ bytes: [UInt8], _ message: String) throws {
        let folder = TestFolder()
        let path = folder.write("\(name).arrow", bytes)
        let problem = #expect(throws: FileProblem.self) { try ArrowSource(path) }
        #expect(problem?.message.contains(message) == true, "\(problem?.message ?? "")")
    }
}
