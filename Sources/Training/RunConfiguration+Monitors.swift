import Configuration
import Files

extension RunConfiguration {
    /// Makes sure that what other programs watch a run by can be written where it is to go, by trying it;
    /// nothing stays there. Rights alone do not say so, as of a file system that takes no files.
    ///
    /// - Throws: ``TrainingError/user(_:)`` that names the key.
    func checkMonitors() throws(TrainingError) {
        guard method.doTrain else { return }
        var folders: [(key: String, path: String)] = []
        if output.writesEvents, let folder = output.loggingDir {
            folders.append(("logging_dir", folder))
        }
        if let file = output.metricsFile {
            folders.append(("metrics_file", PendingFile.split(file).folder))
        }
        for (key, folder) in folders {
            do throws(FileProblem) {
                try PendingFolder(path: folder).discard()
            } catch {
                throw .user(
                    "\(key): nothing can be written to '\(folder)', choose another folder: "
                        + error.message)
            }
        }
    }
}
