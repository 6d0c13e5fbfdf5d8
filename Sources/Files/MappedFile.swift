internal import CFiles
import Foundation

/// A file's bytes, mapped read-only: the system loads pages when they are first read and drops
/// them when memory is short.
///
/// A file that is cut off while it is mapped ends the process with a line that names it, where its
/// missing pages are read; what lies between its new end and the end of a page reads as zeros, so
/// whoever has read something asks ``checkSize()``.
package final class MappedFile: @unchecked Sendable {
    // Unchecked because of the pointer: the bytes are never written and live as long as `self`.

    /// Where the file was opened.
    package let path: String
    /// The whole file. Valid as long as this object is.
    package let bytes: UnsafeRawBufferPointer
    private let identity: [UInt64]
    private let watch: Int32

    /// Maps the file at `path`.
    ///
    /// - Throws: as ``RegularFile/open(_:)``.
    package init(_ path: String) throws(FileProblem) {
        self.path = path
        let file = try RegularFile.open(path)
        let (descriptor, size) = (file.descriptor, file.bytes)
        defer { close(descriptor) }
        identity = file.identity
        guard size > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            watch = -1
            return
        }
        guard let start = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0),
            start != MAP_FAILED
        else {
            throw .system(call: "mmap", code: errno, file: path)
        }
        bytes = UnsafeRawBufferPointer(start: start, count: size)
        watch = CFiles_watch(start, size, path)
    }

    deinit {
        guard let start = bytes.baseAddress else { return }
        CFiles_unwatch(watch)
        munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    }

    /// Asks whether the file still has the bytes that it had. Another file that has taken its name
    /// does not matter: the one that is mapped lives on.
    ///
    /// - Throws: ``FileProblem/cutOff(file:bytes:found:)``.
    package func checkSize() throws(FileProblem) {
        guard let now = RegularFile.now(path), now.identity == identity, now.bytes < bytes.count
        else { return }
        throw .cutOff(file: path, bytes: bytes.count, found: now.bytes)
    }

    /// Says which rank this process is, for the line about a file that is cut off.
    ///
    /// - Parameter place: "rank 2 on host: ", or nothing for a process alone.
    package static func setPlace(_ place: String) { CFiles_set_place(place) }
}
