import Files
import Foundation
import Tokenizers

/// Reads files in batches whose texts are lines, line ends included.
struct TextBatchReader {
    private var files: ArraySlice<String>
    private var file: FileHandle?
    /// The beginning of a line whose end has not been read.
    private var rest: [UInt8] = []
    private let batchBytes: Int

    /// A reader of `files`, one after another.
    init(_ files: [String], batchBytes: Int = 4 << 20) {
        self.files = files[...]
        self.batchBytes = batchBytes
    }

    /// The next lines, or `nil` after the last.
    ///
    /// - Throws: ``TokenizerError/notFound(path:)`` and
    ///   ``TokenizerError/unreadable(path:reason:)``.
    mutating func next() throws(TokenizerError) -> TextBatch? {
        while let path = files.first {
            let handle: FileHandle
            if let file { handle = file } else { handle = try open(path) }
            file = handle
            let data: Data?
            do {
                data = try handle.read(upToCount: batchBytes)
            } catch {
                throw .unreadable(path: path, reason: error.localizedDescription)
            }
            var batch = TextBatch(bytes: rest)
            rest = []
            if let data, !data.isEmpty {
                batch.bytes += data
                batch.ends = Self.lineEnds(batch.bytes)
                rest = Array(batch.bytes[(batch.ends.last ?? 0)...])
            } else {
                files.removeFirst()
                file = nil
                if !batch.bytes.isEmpty { batch.ends = [batch.bytes.count] }
            }
            if !batch.ends.isEmpty { return batch }
        }
        return nil
    }

    private func open(_ path: String) throws(TokenizerError) -> FileHandle {
        do {
            let opened = try RegularFile.open(path)
            return FileHandle(fileDescriptor: opened.descriptor, closeOnDealloc: true)
        } catch {
            throw .unreadable(path: path, reason: error.problem)
        }
    }

    private static func lineEnds(_ bytes: [UInt8]) -> [Int] {
        var ends: [Int] = []
        for index in bytes.indices where bytes[index] == 0x0A { ends.append(index + 1) }
        return ends
    }
}
