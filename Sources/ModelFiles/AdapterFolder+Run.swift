import Checkpoints
import Finetuning
import Foundation

extension AdapterFolder {
    /// The folder of the adapter, where `path` is a checkpoint of an adapter's run, which has it beside
    /// it, or such a folder without a model; else `nil`.
    static func folder(ofRun path: String) -> String? {
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let isCheckpoint = path.hasSuffix(".h5") && !(isThere && isFolder.boolValue)
        let folder = isCheckpoint ? String(path.dropLast(3)) : path
        func holds(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: folder + "/" + name)
        }
        guard holds(configurationFile) else { return nil }
        guard isCheckpoint else { return holds("config.json") ? nil : folder }
        // A run that was overwritten by one of whole weights may have left the folder.
        let reader = try? CheckpointReader(path: path)
        let isAdapter = reader?.arrays(in: .model).contains { array in
            marks.contains { array.name.contains($0) }
        }
        return isAdapter == true ? folder : nil
    }

    /// What names of adapters' parameters have and those of models do not.
    private static let marks = [
        ".lora_", ".adapters.", ".oft_R", ".boft_", ".ia3_l", "prompt_encoder.",
    ]
}
