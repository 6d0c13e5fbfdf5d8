import Foundation

/// A file under a temporary name in its final folder, which takes its final name only when
/// complete.
///
/// `x` is written as `.x.tmp-<process id>`. ``commit()`` syncs, renames and syncs the folder, so
/// after a crash or power loss the final name shows either the old file or the whole new one.
package final class PendingFile {
    /// The final name.
    package let path: String
    /// Where the bytes are until ``commit()``.
    package let temporaryPath: String
    private var descriptor: Int32

    /// Creates the temporary file; what an earlier process of the same id left is replaced.
    ///
    /// - Throws: ``FileProblem/system(call:code:file:)``.
    package init(path: String) throws(FileProblem) {
        let (folder, name) = Self.split(path)
        self.path = path
        temporaryPath = "\(folder)/.\(name).tmp-\(getpid())"
        unlink(temporaryPath)
        descriptor = open(temporaryPath, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .system(call: "open", code: errno, file: temporaryPath)
        }
    }

    deinit {
        discard()
    }

    /// Appends bytes.
    ///
    /// - Throws: ``FileProblem/system(call:code:file:)``, e.g. where the disk is full.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(FileProblem) {
        do throws(FinishedFile.Failure) {
            try WholeWrite.write(bytes, to: descriptor)
        } catch {
            throw .system(call: error.call, code: error.code, file: path)
        }
    }

    /// Makes the bytes durable and gives the file its final name.
    ///
    /// - Throws: ``FileProblem/system(call:code:file:)``; the file under the final name is then
    ///   the one that was there before.
    package func commit() throws(FileProblem) {
        guard fsync(descriptor) == 0 else {
            throw .system(call: "fsync", code: errno, file: path)
        }
        let closed = close(descriptor)
        descriptor = -1
        guard closed == 0 else {
            let code = errno
            unlink(temporaryPath)
            throw .system(call: "close", code: code, file: path)
        }
        do throws(FinishedFile.Failure) {
            try FinishedFile.put(temporaryPath, at: path)
        } catch {
            throw .system(call: error.call, code: error.code, file: path)
        }
        try Self.syncFolder(Self.split(path).folder)
    }

    /// Removes the temporary file; does nothing after ``commit()``.
    package func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(temporaryPath)
    }

    /// Makes renames and removals in `folder` durable.
    package static func syncFolder(_ folder: String) throws(FileProblem) {
        do throws(FinishedFile.Failure) {
            try FinishedFile.syncFolder(folder)
        } catch {
            throw .system(call: error.call, code: error.code, file: folder)
        }
    }

    /// Writes a whole text file the same way.
    package static func write(_ text: String, to path: String) throws(FileProblem) {
        try write(Array(text.utf8), to: path)
    }

    /// Writes a whole file the same way.
    package static func write(_ bytes: [UInt8], to path: String) throws(FileProblem) {
        let file = try PendingFile(path: path)
        try bytes.withUnsafeBufferPointer { bytes throws(FileProblem) in
            try file.write(UnsafeRawBufferPointer(bytes))
        }
        try file.commit()
    }

    /// Makes `folder` and the folders above it, unless they are there.
    package static func makeFolder(_ folder: String) throws(FileProblem) {
        var code: Int32 = 0
        if mkdir(folder, 0o755) == 0 { return }
        code = errno
        if code == ENOENT, case let parent = split(folder).folder, parent != folder, parent != "." {
            try makeFolder(parent)
            if mkdir(folder, 0o755) == 0 { return }
            code = errno
        }
        var information = stat()
        if code == EEXIST, stat(folder, &information) == 0,
            information.st_mode & S_IFMT == S_IFDIR
        {
            return
        }
        throw .system(call: "mkdir", code: code == EEXIST ? ENOTDIR : code, file: folder)
    }

    /// A path's folder (`.` where it names none) and last component.
    package static func split(_ path: String) -> (folder: String, name: String) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true)
        let name = parts.popLast().map(String.init) ?? ""
        let folder = parts.joined(separator: "/")
        if path.hasPrefix("/") { return ("/" + folder, name) }
        return (folder.isEmpty ? "." : folder, name)
    }

    /// The names in a folder, sorted.
    package static func names(in folder: String) throws(FileProblem) -> [String] {
        guard let stream = opendir(folder) else {
            throw .system(call: "opendir", code: errno, file: folder)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                tuple.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A file's size; 0 where there is none.
    package static func bytes(of path: String) -> Int {
        var information = stat()
        return stat(path, &information) == 0 ? Int(information.st_size) : 0
    }
}
