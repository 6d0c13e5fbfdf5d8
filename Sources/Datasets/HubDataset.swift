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
    private static let endings = ["json", "jsonl", "csv", "txt", "parquet", "arrow"]
    private static let unread = ["zip", "tar", "xlsx", "tsv"]

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
    ///   - split: the part of it that is wanted.
    ///   - folder: of datasets (`dataset_dir`).
    /// - Throws: ``HubProblem`` where no copy is there, or none that can be read.
    func files(
        name: String, split: String, folder: String, caches: HubCaches
    ) throws(HubProblem) -> [String] {
        let own = identifier.split(separator: "/").last.map(String.init) ?? identifier
        for place in [name, own] where split == "train" {
            for ending in Self.endings {
                let path = (folder as NSString).appendingPathComponent("\(place).\(ending)")
                if FileManager.default.fileExists(atPath: path) { return [path] }
            }
        }
        var folders = [identifier, name, own].map {
            (folder as NSString).appendingPathComponent($0)
        }
        if let cached = caches.folder(of: identifier, .datasets) { folders.append(cached) }
        // The library datasets keeps tables of what it has read; what was downloaded is nearer to its source.
        if let tables = caches.table(of: identifier) { folders.append(tables) }
        var problem: HubProblem?
        for place in folders {
            let (files, unread) = Self.content(of: place, split)
            if !files.isEmpty { return files }
            if let unread { problem = problem ?? .init("\(found); its copy \(unread)") }
        }
        throw problem
            ?? .init("\(found), and no copy of it is on this machine; " + Self.advice(name, folder))
    }

    private var found: String { "\(key) \(identifier) found without file_name" }

    private static func advice(_ name: String, _ folder: String) -> String {
        let path = (folder as NSString).appendingPathComponent(name)
        return "download it and save it as \(path).jsonl (or .json, .csv)"
    }

    /// The files of a folder that can be read, of one split where it has several; else what is there instead.
    private static func content(
        of folder: String, _ split: String
    ) -> (files: [String], unread: String?) {
        guard let all = FileManager.default.enumerator(atPath: folder) else { return ([], nil) }
        var names: [String] = []
        while let name = all.nextObject() as? String, names.count < 10_000 { names.append(name) }
        func ending(_ name: String) -> String {
            let last = (name as NSString).pathExtension.lowercased()
            guard MappedFile.Packing(ending: last) != nil else { return last }
            return ((name as NSString).deletingPathExtension as NSString).pathExtension.lowercased()
        }
        func last(_ name: String) -> String { (name as NSString).lastPathComponent }
        let described = ["dataset_info.json", "dataset_infos.json", "state.json", "README.txt"]
        // The library datasets puts what `map` has made of a table beside it.
        var files = names.filter {
            endings.contains(ending($0)) && !described.contains(last($0)) && !$0.hasPrefix(".")
                && !(ending($0) == "arrow" && last($0).hasPrefix("cache-"))
        }
        let configurations = configurations(of: folder)
        if configurations.count > 1 {
            let list = configurations.prefix(8).joined(separator: ", ")
            return (
                [],
                "in \(folder) has several configurations (\(list)); name one's files in file_name"
            )
        }
        let splits = Set(files.compactMap(shardedSplit))
        let ofSplit = files.filter { isOf(split, $0) }
        if !ofSplit.isEmpty {
            files = ofSplit
        } else if !files.isEmpty, split != "train" || !splits.isEmpty {
            let found = splits.isEmpty ? "" : ", but \(splits.sorted().joined(separator: ", "))"
            return ([], "in \(folder) has no file of the split \(split)\(found)")
        }
        if let problem = problem(files, Set(files.map(ending))) {
            return ([], "in \(folder) has \(problem); name one in file_name")
        }
        let other = names.first { unread.contains(ending($0)) }
        return (
            files.sorted().map { (folder as NSString).appendingPathComponent($0) },
            other.map {
                "in \(folder) is \(ending($0)), which is not read here; save it as JSON lines "
                    + "and set file_name"
            }
        )
    }

    /// Whether a file's name says that it is of a split, as the library datasets reads names: before the number
    /// of a shard exactly, at the end of a prepared table's, else as a word.
    ///
    /// Source: datasets 5, `data_files.py`, `SPLIT_PATTERN_SHARDED` and `KEYWORDS_IN_…_BASE_PATTERNS`.
    private static func isOf(_ split: String, _ path: String) -> Bool {
        let split = split.lowercased()
        if let named = shardedSplit(path) { return named == split }
        let name = path.lowercased()
        if name.hasSuffix(".arrow") {
            let stem = stem(name).stem
            return stem == split || stem.hasSuffix("-" + split)
        }
        let others = [
            "train": ["training"], "test": ["testing"], "validation": ["valid", "val", "dev"],
        ]
        return ([split] + (others[split] ?? [])).contains { word in
            name.ranges(of: word).contains { place in
                let before = name[..<place.lowerBound].last?.isLetter ?? false
                let after = name[place.upperBound...].first?.isLetter ?? false
                return !before && !after
            }
        }
    }

    /// The split of a shard, `train_sft` of `data/train_sft-00000-of-00003.parquet`; `nil` for other names, and for
    /// prepared tables, before whose split their dataset's name stands.
    private static func shardedSplit(_ path: String) -> String? {
        let name = path.lowercased()
        let (stem, isShard) = stem(name)
        return isShard && !name.hasSuffix(".arrow") ? stem : nil
    }

    /// A file's name without its endings and a shard's number.
    private static func stem(_ path: String) -> (stem: String, isShard: Bool) {
        let stem = (path as NSString).lastPathComponent.prefix { $0 != "." }
        guard let number = stem.firstRange(of: /-[0-9]{5}-of-[0-9]{5}/) else {
            return (String(stem), false)
        }
        return (String(stem[..<number.lowerBound]), true)
    }

    /// The configurations that a dataset's README.md names in its head.
    private static func configurations(of folder: String) -> [String] {
        let path = (folder as NSString).appendingPathComponent("README.md")
        guard let data = RegularFile.contents(path) else { return [] }
        let lines = String(decoding: data.prefix(1 << 20), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first?.hasPrefix("---") == true else { return [] }
        var names: [String] = []
        for line in lines.dropFirst().prefix(while: { !$0.hasPrefix("---") }) {
            let text = line.drop { $0 == " " || $0 == "-" }
            guard text.hasPrefix("config_name:") else { continue }
            let name = text.dropFirst("config_name:".count).trimmingCharacters(in: .whitespaces)
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// What keeps files from being one dataset.
    private static func problem(_ files: [String], _ kinds: Set<String>) -> String? {
        if kinds.count > 1, kinds != ["json", "jsonl"] {
            return "files of several kinds (\(kinds.sorted().joined(separator: ", ")))"
        }
        // A folder each for configurations and for fingerprints of what was asked of them.
        let folders = Set(files.map { ($0 as NSString).deletingLastPathComponent })
        guard kinds == ["arrow"], folders.count > 1 else { return nil }
        return "tables in several folders (\(folders.sorted().prefix(4).joined(separator: ", ")))"
    }
}

/// Why a dataset of a hub cannot be read, in words.
struct HubProblem: Error, Equatable {
    let problem: String

    init(_ problem: String) { self.problem = problem }
}
