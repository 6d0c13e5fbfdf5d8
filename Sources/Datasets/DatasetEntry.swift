import Columnar
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

    /// What a stage reads of an entry of dataset_info.json.
    ///
    /// - Parameters:
    ///   - use: what the stage learns from.
    ///   - folder: what file names are relative to (`dataset_dir`)
    ///   - caches: where datasets of hubs lie that have no file name.
    /// - Throws: ``ConversationError/entry(dataset:problem:)`` for what cannot be used here,
    ///   ``ConversationError/file(path:problem:)`` when its file is not there.
    init(
        _ info: DatasetInfo, for use: DatasetUse = .answers, folder: String,
        caches: HubCaches = .none
    ) throws(ConversationError) {
        func refuse(_ problem: String) -> ConversationError {
            .entry(dataset: info.name, problem: problem)
        }
        var paths = try info.paths(in: folder, caches)
        if let problem = use.problem(isRanking: info.isRanking) { throw refuse(problem) }
        if let key = info.hubKey {
            throw refuse("\(key) is for datasets of a hub; name the file or folder in file_name")
        }
        if info.file != nil, let path = paths.first {
            if let saved = try Self.savedFiles(path, info.split) {
                paths = saved
            } else if let split = info.split, split != "train" {
                throw refuse("split: \(split) found; a file has the split train only")
            } else {
                paths = try Self.files(at: path)
            }
        }
        self.init(name: info.name, files: paths)
        formatting = info.formatting
        sampleCount = info.sampleCount
        if formatting == .openai {
            columns["messages"] = "messages"
            tags = Self.openAITags
        }
        for key in use.columns { columns[key] = key }
        if let given = info.columns {
            columns = given
            statedColumns = Set(given.keys)
        }
        if let given = info.tags { tags = given }
        if let problem = use.problem(columns: columns) { throw refuse(problem) }
    }

    /// The file at a path, or all files of a folder by name. Of a folder that `save_to_disk` has written those of its
    /// only split, or of train.
    static func files(at path: String) throws(ConversationError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .file(path: path, problem: "not found; check file_name and dataset_dir")
        }
        guard isFolder.boolValue else { return [path] }
        if let saved = try savedFiles(path, nil) { return saved }
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

    /// The files of a folder that `save_to_disk` has written; `nil` for other folders.
    private static func savedFiles(
        _ folder: String, _ split: String?
    ) throws(ConversationError) -> [String]? {
        let splits: [(name: String, files: [String])]
        do throws(FileProblem) {
            guard let saved = try SavedDataset(folder: folder) else { return nil }
            splits = saved.splits
        } catch {
            throw .file(path: error.file, problem: error.problem)
        }
        if split == nil, splits.count == 1, let only = splits.first { return only.files }
        let wanted = split ?? "train"
        guard let found = splits.first(where: { $0.name == wanted }) else {
            throw .file(
                path: folder,
                problem:
                    "no split \(wanted) found, but \(splits.map(\.name).joined(separator: ", ")); "
                    + "name one in split, or the folder of one in file_name")
        }
        return found.files
    }
}
