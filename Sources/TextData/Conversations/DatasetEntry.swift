import Files
import Foundation

/// One dataset: its files, and which column and tag means what (an entry of dataset_info.json).
package struct DatasetEntry: Sendable, Equatable {
    /// How rows are laid out.
    package enum Formatting: String, Sendable, CaseIterable {
        case alpaca, sharegpt, openai
    }

    /// The name it is asked for by.
    package var name: String
    /// Its files, in order.
    package var files: [String]
    package var formatting = Formatting.alpaca
    /// Rows to draw, with repetition where the files have fewer.
    package var sampleCount: Int?
    /// Column of the rows by what it means; absent ones are not read.
    package var columns: [String: String] = DatasetEntry.alpacaColumns
    /// Word of the rows by what it means.
    package var tags: [String: String] = DatasetEntry.sharegptTags
    /// Columns that the user named, so that they have to be there.
    package var statedColumns: Set<String> = []

    package init(name: String, files: [String]) {
        self.name = name
        self.files = files
    }

    static let alpacaColumns = [
        "prompt": "instruction", "query": "input", "response": "output",
        "messages": "conversations",
    ]
    static let sharegptTags = [
        "role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
        "observation_tag": "observation", "function_tag": "function_call", "system_tag": "system",
    ]
    /// OpenAI's own names, which LLaMA-Factory wants stated under `tags`.
    static let openAITags = [
        "role_tag": "role", "content_tag": "content", "user_tag": "user",
        "assistant_tag": "assistant", "observation_tag": "tool", "function_tag": "function_call",
        "system_tag": "system",
    ]
    private static let columnNames = [
        "prompt", "query", "response", "history", "messages", "system", "tools", "images",
        "videos", "audios", "chosen", "rejected", "kto_tag",
    ]
    private static let keys = [
        "file_name", "formatting", "ranking", "subset", "split", "folder", "num_samples",
        "columns", "tags", "file_sha1", "hf_hub_url", "ms_hub_url", "om_hub_url", "script_url",
        "cloud_file_name",
    ]

    /// Reads one entry of dataset_info.json.
    ///
    /// - Parameters:
    ///   - folder: what file names are relative to (`dataset_dir`)
    ///   - caches: where datasets of hubs lie that have no file name.
    /// - Throws: ``ConversationError/entry(dataset:problem:)`` for what cannot be used here,
    ///   ``ConversationError/file(path:problem:)`` when its file is not there.
    init(
        _ name: String, _ entry: JSONValue, folder: String, caches: HubCaches = .none
    ) throws(ConversationError) {
        func refuse(_ problem: String) -> ConversationError {
            .entry(dataset: name, problem: problem)
        }
        guard let members = entry.members else {
            throw refuse("\(entry.kind) found in dataset_info.json, expected an object")
        }
        for member in members where !Self.keys.contains(member.key) {
            throw refuse(Self.unknown(member.key, "key", among: Self.keys))
        }
        let file = entry["file_name"]?.string
        let hub = file == nil ? HubDataset { entry[$0]?.string } : nil
        if file == nil, hub == nil {
            let source = ["script_url", "cloud_file_name"].first { entry[$0] != nil }
            throw refuse(
                source.map {
                    "\($0) found, but only local files are read: download it, then set file_name"
                } ?? "no file_name in dataset_info.json")
        }
        if entry["ranking"]?.bool == true {
            throw refuse("ranking: true found: preference pairs are not for stage sft")
        }
        for key in ["subset", "folder"] where entry[key] != nil {
            throw refuse("\(key) is for datasets of a hub; name the file or folder in file_name")
        }
        if let split = entry["split"], split.string != "train" {
            throw refuse("split: \(split.pythonText) found; a file has the split train only")
        }
        if let hub {
            do throws(HubProblem) {
                self.init(
                    name: name, files: try hub.files(name: name, folder: folder, caches: caches))
            } catch {
                throw refuse(error.problem)
            }
        } else {
            let file = file ?? ""
            let path =
                file.hasPrefix("/") ? file : (folder as NSString).appendingPathComponent(file)
            self.init(name: name, files: try DatasetEntry.files(at: path))
        }
        if let format = entry["formatting"] {
            guard let known = format.string.flatMap(Formatting.init(rawValue:)) else {
                throw refuse(
                    "formatting: \(format.pythonText) found, expected alpaca, sharegpt or openai")
            }
            formatting = known
        }
        if let count = entry["num_samples"] {
            guard let count = count.integer, count > 0 else {
                throw refuse("num_samples: \(count.kind) found, expected a number above 0")
            }
            sampleCount = count
        }
        if formatting == .openai {
            columns["messages"] = "messages"
            tags = Self.openAITags
        }
        if let given = entry["columns"] {
            columns = try Self.names(given, "columns", known: Self.columnNames, dataset: name)
            statedColumns = Set(columns.keys)
        }
        if let given = entry["tags"] {
            tags = try Self.names(
                given, "tags", known: Array(Self.sharegptTags.keys).sorted(), dataset: name)
        }
        for key in ["chosen", "rejected", "kto_tag"] where columns[key] != nil {
            throw refuse("columns: \(key) found: preference data are not for stage sft")
        }
    }

    /// What `columns` or `tags` name. Entries that are left out mean none, not the default.
    private static func names(
        _ value: JSONValue, _ key: String, known: [String], dataset: String
    ) throws(ConversationError) -> [String: String] {
        var names: [String: String] = [:]
        for member in value.members ?? [] {
            guard known.contains(member.key) else {
                throw .entry(
                    dataset: dataset, problem: unknown(member.key, key, among: known))
            }
            if member.value == .null { continue }
            guard let text = member.value.string else {
                throw .entry(
                    dataset: dataset,
                    problem: "\(key): \(member.key): \(member.value.kind) found, expected a name")
            }
            names[member.key] = text
        }
        return names
    }

    private static func unknown(_ name: String, _ place: String, among known: [String]) -> String {
        let nearest = NearestName.find(name, among: known).map { "; did you mean \($0)?" } ?? ""
        return "\(place): \(name) is not known\(nearest)"
    }

    /// The file at a path, or all files of a folder by name.
    static func files(at path: String) throws(ConversationError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .file(path: path, problem: "not found; check file_name and dataset_dir")
        }
        guard isFolder.boolValue else { return [path] }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path)
        } catch {
            throw .file(path: path, problem: error.localizedDescription)
        }
        let files = names.filter { !$0.hasPrefix(".") }.sorted()
        let kinds = Set(files.map { ($0 as NSString).pathExtension.lowercased() })
        guard !files.isEmpty, kinds.count == 1 || kinds == ["json", "jsonl"] else {
            throw .file(
                path: path,
                problem: files.isEmpty
                    ? "the folder is empty"
                    : "files of several kinds (\(kinds.sorted().joined(separator: ", "))), "
                        + "expected one kind")
        }
        return files.map { (path as NSString).appendingPathComponent($0) }
    }
}
