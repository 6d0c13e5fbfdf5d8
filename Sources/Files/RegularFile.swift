package import Foundation

/// Opens the files that users name. Only files of bytes are opened: a pipe would be waited for, a
/// device may never end.
package enum RegularFile {
    /// A file that is open; whoever opened it closes it.
    package struct Opened {
        package let descriptor: Int32
        /// Its size.
        package let bytes: Int
        /// Device and number, which tell it from other files.
        package let identity: [UInt64]
    }

    /// Opens `path` for reading.
    ///
    /// - Throws: ``FileProblem``; a folder gives EISDIR.
    package static func open(_ path: String) throws(FileProblem) -> Opened {
        guard !path.utf8.contains(0) else { throw .invalidName(file: path) }
        // Without O_NONBLOCK a pipe that nobody writes to is waited for.
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            // A socket cannot be opened at all.
            if errno == ENXIO { throw .notRegular(file: path, kind: "a socket or device") }
            throw .system(call: "open", code: errno, file: path)
        }
        do throws(FileProblem) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else {
                throw .system(call: "stat", code: errno, file: path)
            }
            try check(status, path)
            return Opened(
                descriptor: descriptor, bytes: Int(status.st_size), identity: identity(status))
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// All bytes of a small file; `nil` where it cannot be read, whatever the reason.
    package static func contents(_ path: String) -> Data? {
        (try? bytes(path)).map { Data($0) }
    }

    /// Makes sure that `path` is a file of bytes, for a library that opens it itself.
    ///
    /// - Throws: as ``open(_:)``.
    package static func check(_ path: String) throws(FileProblem) {
        close(try open(path).descriptor)
    }

    /// All bytes of a small file.
    ///
    /// - Parameter most: bytes that a file of its kind may have.
    /// - Throws: as ``open(_:)``, and ``FileProblem/tooLarge(file:bytes:most:)``.
    package static func bytes(
        _ path: String, most: Int = 1 << 31
    ) throws(FileProblem) -> [UInt8] {
        let file = try open(path)
        let (descriptor, size) = (file.descriptor, file.bytes)
        defer { close(descriptor) }
        guard size <= most else { throw .tooLarge(file: path, bytes: size, most: most) }
        // Files of the system that say they are empty are not.
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: max(min(size, 1 << 20), 1 << 12))
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .system(call: "read", code: errno, file: path)
            }
            bytes += buffer[..<count]
            guard bytes.count <= most else {
                throw .tooLarge(file: path, bytes: bytes.count, most: most)
            }
        }
    }

    /// Size and identity of what has the name now; `nil` where nothing has.
    static func now(_ path: String) -> (bytes: Int, identity: [UInt64])? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (Int(status.st_size), identity(status))
    }

    private static func identity(_ status: stat) -> [UInt64] {
        [UInt64(status.st_dev), UInt64(status.st_ino)]
    }

    private static func check(_ status: stat, _ path: String) throws(FileProblem) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw .system(call: "open", code: EISDIR, file: path)
        case S_IFIFO: throw .notRegular(file: path, kind: "a pipe")
        case S_IFCHR, S_IFBLK: throw .notRegular(file: path, kind: "a device")
        default: throw .notRegular(file: path, kind: "something that is no file")
        }
    }
}
