import Foundation

/// A file's bytes, mapped read-only: the system loads pages when they are first read and drops
/// them when memory is short.
package final class MappedFile: @unchecked Sendable {
    // Unchecked because of the pointer: the bytes are never written and live as long as `self`.

    /// Where the file was opened.
    package let path: String
    /// The whole file. Valid as long as this object is.
    package let bytes: UnsafeRawBufferPointer

    /// Maps the file at `path`.
    ///
    /// - Throws: ``CorpusError/system(call:code:file:)`` when it cannot be opened or mapped, or is
    ///   a folder.
    package init(_ path: String) throws(CorpusError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .system(call: "open", code: errno, file: path)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .system(call: "stat", code: errno, file: path)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw .system(call: "open", code: EISDIR, file: path)
        }
        let size = Int(status.st_size)
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0),
            start != MAP_FAILED
        else {
            throw .system(call: "mmap", code: errno, file: path)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
    }

    deinit {
        if let start = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
        }
    }
}
