import Files
import Foundation

/// A dataset that dataset_info.json names by a hub's address only: its files on this machine.
struct HubDataset: Sendable {
    /// The key and the repository: `hf_hub_url`, `org/name`.
    let key: String
    let identifier: String

    private static let keys: [(key: String, isModelScope: Bool)] = [
        ("hf_hub_url", false), ("ms_hub_url", true), ("om_hub_url", true),
    ]
    private static let endings = ["json", "jsonl", "csv", "txt"]
    private static let unread = ["parquet", "arrow", "zip", "tar", "xlsx", "tsv"]

    /// The first address among an entry's keys; `nil` where it has none.
    init?(_ texts: (_ key: String) -> String?) {
        let found = Self.keys.compactMap { key in texts(key.key).map { (key.key, $0) } }.first
        guard let found else { return nil }
        (key, identifier) = found
    }

    /// Its files: in the folder of datasets by its name, else in the caches of hubs.
    ///
    /// - Parameters:
    ///   - name: the dataset's in dataset_info.json.
    ///   - folder: of datasets (`dataset_dir`).
    /// - Throws: ``HubProblem`` where no copy is there, or none that can be read.
    func files(
        name: String, folder: String, caches: HubCaches
    ) throws(HubProblem) -> [String] {
        let own = identifier.split(separator: "/").last.map(String.init) ?? identifier
        for place in [name, own] {
            for ending in Self.endings {
                let path = (folder as NSString).appendingPathComponent("\(place).\(ending)")
                if FileManager.default.fileExists(atPath: path) { return [path] }
            }
        }
        var folders = [identifier, name, own].map {
            (folder as NSString).appendingPathComponent($0)
        }
        if let cached = caches.folder(of: identifier, .datasets) { folders.append(cached) }
        var problem: HubProblem?
        for place in folders {
            let (files, unread) = Self.content(of: place)
            if !files.isEmpty { return files }
            if let unread { problem = problem ?? .init("\(found); its copy \(unread)") }
        }
        if let table = caches.table(of: identifier) {
            problem =
                problem
                ?? .init(
                    "\(found); its copy in \(table) is a table of Arrow, which is not read yet; "
                        + Self.advice(name, folder))
        }
        throw problem
            ?? .init("\(found), and no copy of it is on this machine; " + Self.advice(name, folder))
    }

    private var found: String { "\(key) \(identifier) found without file_name" }

    private static func advice(_ name: String, _ folder: String) -> String {
        let path = (folder as NSString).appendingPathComponent(name)
        return "download it and save it as \(path).jsonl (or .json, .csv)"
    }

    /// The files of a folder that can be read, of its split for training where it has several;
    /// else what is there instead.
    private static func content(of folder: String) -> (files: [String], unread: String?) {
        guard let all = FileManager.default.enumerator(atPath: folder) else { return ([], nil) }
        var names: [String] = []
        while let name = all.nextObject() as? String, names.count < 10_000 { names.append(name) }
        func ending(_ name: String) -> String {
            let last = (name as NSString).pathExtension.lowercased()
            guard MappedFile.Packing(ending: last) != nil else { return last }
            return ((name as NSString).deletingPathExtension as NSString).pathExtension.lowercased()
        }
        let described = ["dataset_info.json", "dataset_infos.json", "state.json", "README.txt"]
        var files = names.filter {
            endings.contains(ending($0)) && !described.contains(($0 as NSString).lastPathComponent)
                && !$0.hasPrefix(".")
        }
        let training = files.filter { $0.lowercased().contains("train") }
        if !training.isEmpty { files = training }
        let kinds = Set(files.map(ending))
        guard kinds.count > 1, kinds != ["json", "jsonl"] else {
            let other = names.first { unread.contains(ending($0)) }
            return (
                files.sorted().map { (folder as NSString).appendingPathComponent($0) },
                other.map {
                    "in \(folder) is \(ending($0)), which is not read here; save it as JSON lines "
                        + "and set file_name"
                }
            )
        }
        return (
            [],
            "in \(folder) has files of several kinds (\(kinds.sorted().joined(separator: ", "))); "
                + "name one in file_name"
        )
    }
}

/// Why a dataset of a hub cannot be read, in words.
struct HubProblem: Error, Equatable {
    let problem: String

    init(_ problem: String) { self.problem = problem }
}
