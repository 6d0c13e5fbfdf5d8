import Foundation

/// A file's bytes in memory, read as they are touched. The mapping ends with the object.
final class MappedBytes: Sendable {
    /// Never written, and valid as long as this object.
    nonisolated(unsafe) let buffer: UnsafeRawBufferPointer

    /// Maps the file at `path`.
    ///
    /// - Throws: ``CheckpointError/system(call:code:file:)``.
    init(path: String) throws(CheckpointError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", code: errno, file: path) }
        defer { close(descriptor) }
        var information = stat()
        guard fstat(descriptor, &information) == 0 else {
            throw .system(call: "fstat", code: errno, file: path)
        }
        guard information.st_mode & S_IFMT == S_IFREG else {
            throw .system(call: "read", code: EISDIR, file: path)
        }
        let count = Int(information.st_size)
        guard count > 0 else {
            buffer = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw .system(call: "mmap", code: errno, file: path)
        }
        buffer = UnsafeRawBufferPointer(start: address, count: count)
    }

    deinit {
        guard let base = buffer.baseAddress else { return }
        munmap(UnsafeMutableRawPointer(mutating: base), buffer.count)
    }
}
