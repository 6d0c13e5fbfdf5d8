package import Files
import Foundation

/// What an entry of dataset_info.json says of a dataset, whatever it is used for.
package struct DatasetInfo: Sendable {
    /// The name it is asked for by.
    package let name: String
    /// Its file or folder.
    let file: String?
    /// Its address on a hub, where it has no file.
    private let hub: HubDataset?
    package let formatting: DatasetEntry.Formatting
    /// Whether rows are pairs of answers.
    package let isRanking: Bool
    /// Rows to draw, with repetition where the files have fewer.
    package let sampleCount: Int?
    /// Column of the rows by what it means; `nil` where the entry names none.
    package let columns: [String: String]?
    /// Word of the rows by what it means; `nil` where the entry names none.
    let tags: [String: String]?
    /// The part of the dataset; train where the entry names none.
    let split: String?
    /// A key that has a meaning for datasets of a hub only.
    let hubKey: String?
    /// A key with a place that is not read.
    private let remoteKey: String?

    static let tagNames = [
        "role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag",
        "system_tag",
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

    /// Reads one entry.
    ///
    /// - Throws: ``ConversationError/entry(dataset:problem:)`` for a key that is not known or a value
    ///   of another kind.
    package init(_ name: String, _ entry: JSONValue) throws(ConversationError) {
        func refuse(_ problem: String) -> ConversationError {
            .entry(dataset: name, problem: problem)
        }
        guard let members = entry.members else {
            throw refuse("\(entry.kind) found in dataset_info.json, expected an object")
        }
        for member in members where !Self.keys.contains(member.key) {
            throw refuse(Self.unknown(member.key, "key", among: Self.keys))
        }
        self.name = name
        for key in ["file_name", "hf_hub_url", "ms_hub_url", "om_hub_url"] {
            guard let value = entry[key], value.string == nil else { continue }
            throw refuse("\(key): \(value.kind) found, expected a name")
        }
        file = entry["file_name"]?.string
        hub = file == nil ? HubDataset { entry[$0]?.string } : nil
        remoteKey = ["script_url", "cloud_file_name"].first { entry[$0] != nil }
        hubKey = ["subset", "folder"].first { entry[$0] != nil }
        split = try Self.split(entry["split"], name)
        isRanking =
            try entry["ranking"].map { ranking throws(ConversationError) in
                guard let truth = ranking.bool else {
                    throw refuse("ranking: \(ranking.kind) found, expected true or false")
                }
                return truth
            } ?? false
        formatting =
            try entry["formatting"].map { format throws(ConversationError) in
                guard let known = format.string.flatMap(DatasetEntry.Formatting.init(rawValue:))
                else {
                    throw refuse(
                        "formatting: \(format.pythonText) found, expected alpaca, sharegpt or "
                            + "openai")
                }
                return known
            } ?? .alpaca
        sampleCount = try entry["num_samples"].map { count throws(ConversationError) in
            guard let number = count.integer, number > 0 else {
                throw refuse("num_samples: \(count.kind) found, expected a number above 0")
            }
            return number
        }
        columns = try Self.names(entry["columns"], "columns", known: Self.columnNames, name)
        tags = try Self.names(entry["tags"], "tags", known: Self.tagNames.sorted(), name)
    }

    /// The name of a split; a part of one (`train[:100]`) is none.
    private static func split(
        _ value: JSONValue?, _ dataset: String
    ) throws(ConversationError) -> String? {
        guard let value, value != .null else { return nil }
        guard let name = value.string, !name.isEmpty, !name.contains(where: { "[:%+".contains($0) })
        else {
            throw .entry(
                dataset: dataset,
                problem: "split: \(value.pythonText) found, expected a split's name")
        }
        return name
    }

    /// Whether the entry names neither a file nor a dataset of a hub.
    package var isWithoutPlace: Bool { file == nil && hub == nil }

    /// Its file or folder, or its files in the copy of a dataset of a hub.
    ///
    /// - Parameters:
    ///   - folder: what file names are relative to (`dataset_dir`).
    ///   - caches: where datasets of hubs lie.
    /// - Throws: ``ConversationError/entry(dataset:problem:)`` where there is none that can be read.
    package func paths(in folder: String, _ caches: HubCaches) throws(ConversationError) -> [String]
    {
        if let file {
            return [file.hasPrefix("/") ? file : (folder as NSString).appendingPathComponent(file)]
        }
        guard let hub else {
            throw .entry(
                dataset: name,
                problem: remoteKey.map {
                    "\($0) found, but only local files are read: download it, then set file_name"
                } ?? "no file_name in dataset_info.json")
        }
        do throws(HubProblem) {
            return try hub.files(
                name: name, split: split ?? "train", folder: folder, caches: caches)
        } catch {
            throw .entry(dataset: name, problem: error.problem)
        }
    }

    /// What `columns` or `tags` name. Entries that are left out mean none, not the default.
    private static func names(
        _ value: JSONValue?, _ key: String, known: [String], _ dataset: String
    ) throws(ConversationError) -> [String: String]? {
        guard let value else { return nil }
        guard let members = value.members else {
            throw .entry(
                dataset: dataset,
                problem: "\(key): \(value.kind) found, expected an object of names")
        }
        var names: [String: String] = [:]
        for member in members {
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
}
