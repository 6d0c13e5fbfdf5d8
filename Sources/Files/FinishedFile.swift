import Foundation

/// A file that was written under another name and takes its own when it is complete, so that
/// whoever opens it sees the old one or the new one.
package enum FinishedFile {
    /// The call of the system that failed, and its errno.
    package struct Failure: Error, Equatable {
        package let call: String
        package let code: Int32

        package init(call: String, code: Int32) {
            self.call = call
            self.code = code
        }
    }

    /// Renames `temporary`, which is in the same folder, to `path`; what was there is replaced.
    ///
    /// - Throws: ``Failure``; then `temporary` is removed, and what was at `path` is still there.
    package static func put(_ temporary: String, at path: String) throws(Failure) {
        guard rename(temporary, path) == 0 else {
            let code = errno
            unlink(temporary)
            throw Failure(call: "rename", code: code)
        }
    }

    /// Makes renames and removals in `folder` last through a power failure.
    package static func syncFolder(_ folder: String) throws(Failure) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(call: "open", code: errno) }
        defer { close(descriptor) }
        // Some file systems cannot sync folders and say so by EINVAL; there is nothing to be done.
        guard fsync(descriptor) == 0 || errno == EINVAL else {
            throw Failure(call: "fsync", code: errno)
        }
    }
}
