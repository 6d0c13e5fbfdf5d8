package import Files
import Foundation

/// Finds datasets by name: in dataset_info.json, or as files.
package struct DatasetCatalog: Sendable {
    private let folder: String
    private let caches: HubCaches
    /// Entries beside those of dataset_info.json, which win.
    private let listed: JSONValue?
    /// The entries of dataset_info.json; `nil` when there is no such file.
    private let entries: JSONValue?

    private var path: String { (folder as NSString).appendingPathComponent("dataset_info.json") }

    /// Opens a folder of datasets (`dataset_dir`), which may lack dataset_info.json.
    ///
    /// - Parameters:
    ///   - listed: an object of entries beside those of dataset_info.json.
    ///   - caches: where datasets of hubs lie.
    /// - Throws: ``ConversationError/file(path:problem:)`` when dataset_info.json is damaged.
    package init(
        _ folder: String, listed: JSONValue? = nil, caches: HubCaches = .none
    ) throws(ConversationError) {
        self.folder = folder
        self.listed = listed
        self.caches = caches
        let path = (folder as NSString).appendingPathComponent("dataset_info.json")
        let bytes: [UInt8]
        do {
            bytes = try RegularFile.bytes(path)
        } catch {
            guard case .system = error else {
                throw .file(path: error.file, problem: error.problem)
            }
            entries = nil
            return
        }
        do {
            entries = try JSONValueReader.read(bytes[...])
        } catch {
            throw .file(path: path, problem: "found \(error.found), expected \(error.expected)")
        }
        guard entries?.members != nil else {
            throw .file(path: path, problem: "expected an object with an entry for each dataset")
        }
    }

    /// The dataset that `dataset_info.json` lists under `name`, or the file or folder of that name.
    ///
    /// The columns of a file that is not listed tell its format: `messages` is openai's,
    /// `conversations` sharegpt's.
    ///
    /// - Parameter use: what it is learned from.
    /// - Throws: ``ConversationError/unknownDataset(name:file:nearest:known:)``,
    ///   ``ConversationError/entry(dataset:problem:)``,
    ///   ``ConversationError/file(path:problem:)``.
    package func entry(
        _ name: String, for use: DatasetUse = .answers
    ) throws(ConversationError) -> DatasetEntry {
        if let info = try info(name) {
            return try DatasetEntry(info, for: use, folder: folder, caches: caches)
        }
        let beside = (folder as NSString).appendingPathComponent(name)
        let found = [name, beside].first { FileManager.default.fileExists(atPath: $0) }
        guard let found else {
            let known = ((listed?.members ?? []) + (entries?.members ?? [])).map(\.key)
            throw .unknownDataset(
                name: name, file: path, nearest: NearestName.find(name, among: known),
                known: Array(known.prefix(20)))
        }
        var entry = DatasetEntry(name: name, files: try DatasetEntry.files(at: found))
        try recognise(&entry)
        for key in use.columns { entry.columns[key] = key }
        return entry
    }

    /// Whether `name` is listed, not a file or folder.
    package func lists(_ name: String) -> Bool {
        listed?.member(name) != nil || entries?.member(name) != nil
    }

    /// What is listed under `name`; `nil` for a name that is not.
    ///
    /// - Throws: ``ConversationError/entry(dataset:problem:)``.
    package func info(_ name: String) throws(ConversationError) -> DatasetInfo? {
        guard let entry = listed?.member(name) ?? entries?.member(name) else { return nil }
        return try DatasetInfo(name, entry)
    }

    /// Chooses the format of a file that nothing is said about by its first rows' columns.
    private func recognise(_ entry: inout DatasetEntry) throws(ConversationError) {
        let found = Set(try DatasetRows([entry]).columns(of: 0, atMost: 64))
        if found.contains("messages") {
            entry.formatting = .openai
            entry.columns = ["messages": "messages"]
            entry.tags = DatasetEntry.openAITags
        } else if found.contains("conversations") {
            entry.formatting = .sharegpt
            entry.columns = ["messages": "conversations"]
        }
        for key in ["system", "tools", "history", "images", "videos", "audios"]
        where found.contains(key) {
            if key != "history" || entry.formatting == .alpaca { entry.columns[key] = key }
        }
    }
}
