import Files
import Foundation

extension FolderLock {
    /// Takes a folder for this run; a wait for a holder on another machine is told on stderr.
    ///
    /// - Parameter name: the key that names the folder.
    static func taking(
        _ folder: String, as name: String
    ) throws(TrainingError) -> FolderLock {
        do {
            return try FolderLock(folder, name: name) { line in
                FileHandle.standardError.write(Data("lockstep: \(line)\n".utf8))
            }
        } catch {
            throw .folder(error)
        }
    }
}
