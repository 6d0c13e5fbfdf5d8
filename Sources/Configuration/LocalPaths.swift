import Datasets
package import Files
import Foundation

/// Finds what a configuration names otherwise than by a path: models and datasets of hubs that were
/// downloaded before, and checkpoints by Hugging Face's folders.
///
/// Only names that are no path here are replaced, so the keys mean what they always do.
package struct LocalPaths {
    private let caches: HubCaches
    /// Lines that tell the user what was found where.
    package private(set) var notices: [String] = []

    package init(caches: HubCaches) { self.caches = caches }

    /// Replaces names in the values of a configuration.
    ///
    /// - Throws: ``ConfigurationError`` for datasets of a hub that no cache has.
    package mutating func resolve(
        _ values: inout [String: ConfigurationValue]
    ) throws(ConfigurationError) {
        let revision = values["model_revision"].flatMap(Self.text) ?? "main"
        for key in ["model_name_or_path", "tokenizer_name_or_path", "ref_model", "reward_model"] {
            guard let value = values[key], let name = Self.text(value),
                let path = model(name, revision)
            else { continue }
            values[key] = Self.value(path, like: value)
            notices.append("\(key): \(name) is read from \(path)")
        }
        if let value = values["adapter_name_or_path"] {
            let names = Self.texts(value)
            let paths = names.map { model($0, revision) ?? $0 }
            if paths != names {
                values["adapter_name_or_path"] = ConfigurationValue(
                    .list(paths.map { Self.value($0, like: value) }), place: value.place)
                notices.append(
                    "adapter_name_or_path: read from " + paths.joined(separator: ", "))
            }
        }
        if let value = values["resume_from_checkpoint"], let name = Self.text(value),
            let path = Self.checkpoint(name)
        {
            values["resume_from_checkpoint"] = Self.value(path, like: value)
            notices.append("resume_from_checkpoint: \(name) is \(path)")
        }
        try resolveDatasets(&values)
    }

    private func model(_ name: String, _ revision: String) -> String? {
        guard !FileManager.default.fileExists(atPath: name) else { return nil }
        return caches.folder(of: name, .models, revision: revision)
    }

    /// Our file of a checkpoint that is named as Hugging Face's folder of the same step, or of the
    /// newest in a folder; `nil` where the name is one already or there is none.
    private static func checkpoint(_ name: String) -> String? {
        let path = name.hasSuffix("/") ? String(name.dropLast()) : name
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        if exists, !isFolder.boolValue { return nil }
        let beside = path + ".h5"
        if step(of: (beside as NSString).lastPathComponent) != nil,
            FileManager.default.fileExists(atPath: beside)
        {
            return beside
        }
        guard exists,
            let names = try? FileManager.default.contentsOfDirectory(atPath: path)
        else { return nil }
        let newest = names.compactMap { name in step(of: name).map { (step: $0, name: name) } }
            .max { $0.step < $1.step }
        return newest.map { (path as NSString).appendingPathComponent($0.name) }
    }

    /// The step of `checkpoint-N.h5`.
    private static func step(of name: String) -> Int? {
        guard name.hasPrefix("checkpoint-"), name.hasSuffix(".h5") else { return nil }
        return Int(name.dropFirst("checkpoint-".count).dropLast(".h5".count))
    }

    // MARK: datasets

    /// With `dataset_dir: ONLINE`, as LLaMA-Factory has it, datasets are repositories of a hub.
    private mutating func resolveDatasets(
        _ values: inout [String: ConfigurationValue]
    ) throws(ConfigurationError) {
        guard let folder = values["dataset_dir"], let name = Self.text(folder),
            name == "ONLINE" || name.hasPrefix("REMOTE:")
        else { return }
        guard name == "ONLINE" else {
            throw .file(
                key: "dataset_dir", path: name,
                problem: "is a repository of a hub, but only local files are read; download its "
                    + "dataset_info.json and files, and give their folder", place: folder.place)
        }
        for key in ["dataset", "eval_dataset"] {
            guard let value = values[key] else { continue }
            var info = values["dataset_info"].flatMap(Self.members) ?? [:]
            for name in Self.texts(value) where info[name] == nil {
                let entry = JSONValue.object([("hf_hub_url", .string(name))])
                do throws(ConversationError) {
                    _ = try DatasetInfo(name, entry).paths(in: "data", caches)
                } catch {
                    throw .file(
                        key: key, path: name,
                        problem: "is a repository of a hub, since dataset_dir is ONLINE, and no "
                            + "copy that can be read is on this machine; download it, then set "
                            + "dataset to its file and leave dataset_dir out", place: value.place)
                }
                info[name] = ConfigurationValue(
                    .map(["hf_hub_url": Self.value(name, like: value)]), place: value.place)
            }
            values["dataset_info"] = ConfigurationValue(.map(info), place: value.place)
        }
        values["dataset_dir"] = nil
    }

    private static func members(
        _ value: ConfigurationValue
    ) -> [String: ConfigurationValue]? {
        if case .map(let members) = value.content { members } else { nil }
    }

    private static func text(_ value: ConfigurationValue) -> String? {
        if case .string(let text) = value.content { text } else { nil }
    }

    /// A list's texts, or the parts of a text between commas.
    private static func texts(_ value: ConfigurationValue) -> [String] {
        if case .list(let items) = value.content { return items.map(\.spelling) }
        return value.spelling.split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
    }

    private static func value(_ text: String, like value: ConfigurationValue) -> ConfigurationValue
    {
        ConfigurationValue(.string(text), place: value.place)
    }
}
