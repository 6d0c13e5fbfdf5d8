import Files
import Foundation
import Serving

/// Models and datasets in the folders of a board, for its fields to choose from.
struct FolderSearch: Sendable {
    private let folders: BoardFolders

    init(_ folders: BoardFolders) { self.folders = folders }

    /// Folders of models and adapters, checkpoints, and folders of datasets.
    var json: JSONValue {
        var models: [String] = []
        var adapters: [String] = []
        var data: [String] = []
        var looked = 0
        func look(_ folder: String, depth: Int) {
            guard looked < 4000 else { return }
            looked += 1
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let shown = folders.shown(folder)
            if names.contains("config.json") { models.append(shown) }
            if names.contains("adapter_config.json") { adapters.append(shown) }
            if names.contains("dataset_info.json") { data.append(shown) }
            for name in names where !name.hasPrefix(".") {
                if name.hasSuffix(".gguf") { models.append(shown + "/" + name) }
                if CheckpointList.step(of: name) != nil { adapters.append(shown + "/" + name) }
            }
            guard depth < 5 else { return }
            for name in names.sorted() where !name.hasPrefix(".") {
                let path = folder + "/" + name
                let attributes = try? FileManager.default.attributesOfItem(atPath: path)
                guard attributes?[.type] as? FileAttributeType == .typeDirectory else { continue }
                look(path, depth: depth + 1)
            }
        }
        look(folders.working, depth: 0)
        if folders.shown(folders.runs) == folders.runs { look(folders.runs, depth: 1) }
        func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
        return .object([
            ("models", list(models)), ("checkpoints", list(adapters)), ("data", list(data)),
        ])
    }

    /// The names of dataset_info.json in a folder.
    func datasets(in folder: String) throws(ServerProblem) -> JSONValue {
        .array(try catalog(of: folder).map { .string($0.key) })
    }

    private func catalog(of folder: String) throws(ServerProblem) -> [JSONValue.Member] {
        let path = try folders.path(folder) + "/dataset_info.json"
        guard let bytes = try? RegularFile.bytes(folders.path(path), most: 1 << 24),
            let members = (try? JSONValueReader.read(bytes[...]))?.members
        else { return [] }
        return members
    }

    /// Checks that the files which a catalog of datasets names are in the board's folders, too.
    ///
    /// - Throws: 403 for the first that is not.
    func checkDatasets(_ settings: [JSONValue.Member]) throws(ServerProblem) {
        let folder = settings.last { $0.key == "dataset_dir" }?.value.string ?? "data"
        for (name, entry) in try catalog(of: folder) {
            guard let file = entry["file_name"]?.string else { continue }
            do {
                _ = try folders.path(file.hasPrefix("/") ? file : folder + "/" + file)
            } catch {
                throw ServerProblem(
                    403, "dataset \(name) in dataset_info.json: \(error.message)", code: error.code)
            }
        }
    }
}
