package import Files
import Foundation
import TextData

/// One input of `prepare`: where its text lies and how to read it.
package struct DatasetSource: Sendable, Equatable {
    /// What the user called it.
    package let name: String
    /// A file, a folder, or a pattern with `*`, `?` or `[…]`.
    package let path: String
    /// The column of a .jsonl file that holds the text.
    package let textColumn: String
    /// Only this many documents are read; `nil` reads all.
    package let maxDocuments: Int?
}

/// Turns the names of `dataset` into places, as LLaMA-Factory's dataset_info.json says.
package enum DatasetCatalog {
    /// The sources of `names`, in their order.
    ///
    /// A name in `folder`/dataset_info.json stands for that entry's file or folder; any other name
    /// is a path or a pattern of its own.
    /// - Throws: ``ConfigurationError`` `file` when dataset_info.json is broken or an entry cannot
    ///   be used for running text.
    package static func sources(
        of names: [String], key: String, folder: String, textColumn: String, maxDocuments: Int?,
        caches: HubCaches = .none, place: ConfigurationPlace
    ) throws(ConfigurationError) -> [DatasetSource] {
        let catalogPath = join(folder, "dataset_info.json")
        let entries = try catalog(at: catalogPath, place: place)
        var sources: [DatasetSource] = []
        for name in names {
            guard let entry = entries[name] else {
                sources.append(
                    DatasetSource(
                        name: name, path: name, textColumn: textColumn, maxDocuments: maxDocuments))
                continue
            }
            sources += try source(
                name, entry, key: key, folder: folder, textColumn: textColumn,
                maxDocuments: maxDocuments, caches: caches, place: place)
        }
        return sources
    }

    private static func catalog(
        at path: String, place: ConfigurationPlace
    ) throws(ConfigurationError) -> [String: [String: Any]] {
        guard let data = FileManager.default.contents(atPath: path) else { return [:] }
        guard let object = try? JSONSerialization.jsonObject(with: data),
            let entries = object as? [String: [String: Any]]
        else {
            throw .file(
                key: "dataset_dir", path: path,
                problem: "is not a JSON object of datasets", place: place)
        }
        return entries
    }

    private static func source(
        _ name: String, _ entry: [String: Any], key: String, folder: String, textColumn: String,
        maxDocuments: Int?, caches: HubCaches, place: ConfigurationPlace
    ) throws(ConfigurationError) -> [DatasetSource] {
        func unusable(_ problem: String) -> ConfigurationError {
            .file(key: key, path: name, problem: problem, place: place)
        }
        if entry["ranking"] as? Bool == true
            || !["alpaca", nil].contains(entry["formatting"] as? String)
        {
            throw unusable(
                "is a dataset of conversations; stage: pt reads running text from one column")
        }
        let files: [String]
        if let file = entry["file_name"] as? String {
            files = [join(folder, file)]
        } else if let hub = HubDataset({ entry[$0] as? String }) {
            do throws(HubProblem) {
                files = try hub.files(name: name, folder: folder, caches: caches)
            } catch {
                throw unusable(error.problem)
            }
        } else {
            throw unusable(
                "has no file_name in dataset_info.json; put its files into dataset_dir and name "
                    + "them there")
        }
        let columns = entry["columns"] as? [String: String]
        let limits = [maxDocuments, entry["num_samples"] as? Int].compactMap { $0 }
        return files.map {
            DatasetSource(
                name: name, path: $0, textColumn: columns?["prompt"] ?? textColumn,
                maxDocuments: limits.min())
        }
    }

    private static func join(_ folder: String, _ file: String) -> String {
        if file.hasPrefix("/") || folder.isEmpty { return file }
        return folder.hasSuffix("/") ? folder + file : folder + "/" + file
    }
}

extension RunConfiguration {
    /// Where `prepare` reads training text.
    /// - Throws: ``ConfigurationError`` `file` as ``DatasetCatalog`` does.
    package func datasetSources() throws(ConfigurationError) -> [DatasetSource] {
        try sources(of: data.dataset, key: "dataset")
    }

    /// Where `prepare` reads text for evaluation; empty when it is held out of the training text.
    /// - Throws: ``ConfigurationError`` `file` as ``DatasetCatalog`` does.
    package func evalDatasetSources() throws(ConfigurationError) -> [DatasetSource] {
        try sources(of: data.evalDataset, key: "eval_dataset")
    }

    private func sources(
        of names: [String], key: String
    ) throws(ConfigurationError) -> [DatasetSource] {
        try DatasetCatalog.sources(
            of: names, key: key, folder: data.datasetDir, textColumn: data.textColumn,
            maxDocuments: data.maxSamples, caches: caches, place: settings.place(key))
    }
}
