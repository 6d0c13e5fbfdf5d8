import Columnar
import Files
import Foundation
import TestSupport

/// Reads Arrow files for tests.
enum ArrowRows {
    /// Where the reference file NAME.arrow lies.
    static func path(_ name: String) -> String {
        References.folder.appendingPathComponent("arrow/\(name).arrow").path
    }

    /// All that a file gives, read through a buffer of `step` bytes.
    ///
    /// - Parameter most: bytes after which it is enough.
    static func bytes(
        _ path: String, columns: Set<String>? = nil, step: Int = 1 << 16, most: Int = .max
    ) throws(FileProblem) -> [UInt8] {
        let source = try ArrowSource(path, columns: columns)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: step)
        while bytes.count < most {
            var count = 0
            var problem: FileProblem?
            buffer.withUnsafeMutableBytes { target in
                do throws(FileProblem) { count = try source.read(into: target) } catch {
                    problem = error
                }
            }
            if let problem { throw problem }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// The rows of lines of JSON.
    static func values(_ bytes: [UInt8]) throws -> [JSONValue] {
        try bytes.split(separator: 0x0A).map { try JSONValueReader.read($0) }
    }

    /// The rows that NAME.jsonl says NAME.arrow has.
    static func expected(_ name: String) throws -> [JSONValue] {
        try values(Array(References.text("arrow/\(name).jsonl").utf8))
    }
}
