import Foundation

/// Why a folder cannot be had for this process alone.
package enum FolderLockError: Error, Equatable, Sendable {
    /// Another process holds it; `name` is what the user calls the folder, such as `output_dir`.
    case held(name: String, folder: String, by: LockRecord)
    /// The lock that this process held is now another's.
    case lost(name: String, folder: String, to: LockRecord)
    /// The folder or the lock's file cannot be made.
    case system(name: String, call: String, code: Int32, path: String)
}

extension FolderLockError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .held(let name, let folder, let holder):
            "\(name) '\(folder)' is in use by \(holder.description); wait for it to end, stop it, "
                + "or choose another \(name)"
        case .lost(let name, let folder, let holder):
            "\(name) '\(folder)' was taken over by \(holder.description) while this process stood "
                + "still; stop one of the two"
        case .system(let name, let call, let code, let path):
            "\(name): \(call) failed on '\(path)': \(String(cString: strerror(code))); "
                + (code == ENOSPC || code == EDQUOT
                    ? "make room or choose another folder"
                    : "choose a folder that can be made and written to")
        }
    }
}
