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
    package convenience init(_ path: String) throws(FileProblem) {
        let file = try RegularFile.open(path)
        defer { close(file.descriptor) }
        try self.init(
            path: path, descriptor: file.descriptor, size: file.bytes, identity: file.identity)
    }

    private init(
        path: String, descriptor: Int32, size: Int, identity: [UInt64]
    ) throws(FileProblem) {
        self.path = path
        self.identity = identity
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

extension MappedFile {
    /// How a file's bytes are packed.
    package enum Packing: Sendable {
        case gzip, zstd

        /// By the end of a file's name; `nil` for others.
        package init?(ending: String) {
            switch ending.lowercased() {
            case "gz": self = .gzip
            case "zst", "zstd": self = .zstd
            default: return nil
            }
        }
    }

    /// Maps what a packed file holds: it is unpacked into a file of the temporary folder that has no name
    /// any more, so that memory that is short gets its pages back.
    ///
    /// - Throws: ``FileProblem/damaged(file:format:problem:)`` for what is not packed so, as
    ///   ``RegularFile/open(_:)``, and ``FileProblem/system(call:code:file:)`` where there is no room.
    package convenience init(unpacking path: String, _ packing: Packing) throws(FileProblem) {
        let file = try FileSource(
            path, size: PendingFile.bytes(of: path), start: 0, end: PendingFile.bytes(of: path))
        switch packing {
        case .gzip: try self.init(of: GzipSource(file), named: path)
        case .zstd: try self.init(of: ZstdSource(file), named: path)
        }
    }

    /// Maps all that a source gives, which is written into a file of the temporary folder as an unpacked one is.
    ///
    /// - Parameter path: where it comes from.
    /// - Throws: what the source throws, and ``FileProblem/system(call:code:file:)`` where there is no room.
    package convenience init(
        of source: any ByteSource, named path: String
    ) throws(FileProblem) {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-unpacked-XXXXXX"
        ).path
        var name = Array(place.utf8CString)
        let descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw .system(call: "mkstemp", code: errno, file: place) }
        defer { close(descriptor) }
        unlink(name)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let size = try Self.write(source, to: descriptor, place)
        try self.init(path: path, descriptor: descriptor, size: size, identity: [])
    }

    /// Writes all that a source has, and tells how many bytes that is.
    private static func write(
        _ source: any ByteSource, to descriptor: Int32, _ place: String
    ) throws(FileProblem) -> Int {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        var size = 0
        while true {
            let count = try source.read(into: buffer)
            guard count > 0 else { return size }
            do throws(FinishedFile.Failure) {
                try WholeWrite.write(
                    UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: descriptor)
            } catch {
                throw .system(call: error.call, code: error.code, file: place)
            }
            size += count
        }
    }
}
