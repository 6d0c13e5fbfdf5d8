import Columnar
import Files
import Foundation
import TestSupport

/// The Parquet files that scripts/references/parquet_files.py has written, and their rows.
enum ParquetFiles {
    static let folder = References.folder.appendingPathComponent("parquet")

    static func path(_ name: String) -> String {
        folder.appendingPathComponent("\(name).parquet").path
    }

    static func bytes(_ name: String) throws -> [UInt8] {
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(name))))
    }

    /// The lines that pyarrow's rows are.
    static func expected(_ name: String) throws -> String {
        try References.text("parquet/\(name).jsonl")
    }

    /// All that a source gives, read through a buffer of `size` bytes.
    static func text(_ source: ParquetSource, buffer size: Int = 1 << 16) throws -> String {
        var all = Data()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 1)
        defer { buffer.deallocate() }
        while true {
            let count = try source.read(into: buffer)
            if count == 0 { return String(decoding: all, as: UTF8.self) }
            all.append(contentsOf: buffer[..<count])
        }
    }

    static func text(_ name: String, buffer size: Int = 1 << 16) throws -> String {
        try text(ParquetSource(path(name)), buffer: size)
    }

    /// Why a file is not read.
    static func problem(_ path: String, columns: Set<String>? = nil) -> FileProblem? {
        do {
            _ = try text(ParquetSource(path, columns: columns))
            return nil
        } catch { return error as? FileProblem }
    }
}
