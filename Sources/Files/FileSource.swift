import Foundation

/// The bytes of a file, or of a part of it.
package final class FileSource: ByteSource {
    package let path: String
    package private(set) var consumed = 0
    private let descriptor: Int32
    private let start: Int
    private let end: Int

    /// Opens a file for the bytes `start..<end`.
    ///
    /// - Parameter size: bytes that it has to have.
    /// - Throws: ``FileProblem/changed(file:)`` where it has another number of bytes, and as
    ///   ``RegularFile/open(_:)``.
    package init(_ path: String, size: Int, start: Int, end: Int) throws(FileProblem) {
        self.path = path
        self.start = start
        self.end = end
        let opened = try RegularFile.open(path)
        descriptor = opened.descriptor
        guard opened.bytes == size else {
            throw .changed(file: path)
        }
    }

    deinit { close(descriptor) }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int {
        let wanted = min(buffer.count, end - start - consumed)
        guard wanted > 0 else { return 0 }
        while true {
            let count = pread(descriptor, buffer.baseAddress, wanted, off_t(start + consumed))
            if count > 0 {
                consumed += count
                return count
            }
            if count == 0 { throw .changed(file: path) }
            if errno != EINTR { throw .system(call: "read", code: errno, file: path) }
        }
    }
}
