import Files
import Finetuning
import Foundation

extension ModelSource {
    /// What an adapter's run has left is no model but belongs to one: its folder, or one of its
    /// checkpoints, which hold what was trained.
    ///
    /// - Parameters:
    ///   - path: of a model, or of such a folder or checkpoint.
    ///   - adapters: to be put on it.
    /// - Returns: the model's path, and the adapters with that which `path` holds before them.
    /// - Throws: ``ModelFileError/user(_:)`` for an adapter that does not name its model.
    package static func resolved(
        _ path: String, adapters: [String]
    ) throws(ModelFileError) -> (path: String, adapters: [String]) {
        guard let folder = AdapterFolder.folder(ofRun: path) else { return (path, adapters) }
        let file = RegularFile.contents(
            folder + "/" + AdapterFolder.configurationFile)
        let object = file.flatMap { try? JSONValueReader.read([UInt8]($0)[...]) }
        let keys = ["base_model_name_or_path", "model_name"]
        guard
            let base = keys.lazy.compactMap({ object?[$0]?.string }).first(where: { !$0.isEmpty }
            )
        else {
            throw .user(
                "'\(path)' holds an adapter that does not say for which model; give the model's "
                    + "path, and \(folder) as its adapter")
        }
        guard FileManager.default.fileExists(atPath: base) else {
            throw .user(
                "'\(path)' holds an adapter for the model '\(base)', which does not exist; give the "
                    + "model's path, and \(folder) as its adapter")
        }
        return (base, [folder] + adapters)
    }
}
