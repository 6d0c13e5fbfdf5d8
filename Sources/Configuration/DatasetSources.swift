package import Files
import Foundation
package import TextData

/// One input of `prepare`: where its text lies and how to read it.
package struct DatasetSource: Sendable, Equatable {
    /// What the user called it.
    package let name: String
    /// A file, a folder, or a pattern with `*`, `?` or `[…]`.
    package var path: String
    /// Files that belong to the same dataset, where a part is taken of all of them.
    package var furtherPaths: [String] = []
    /// The column of a .jsonl file that holds the text.
    package let textColumn: String
    /// Only this many documents are read, the first ones (`max_samples`); `nil` reads all.
    package let maxDocuments: Int?
    /// Documents that are drawn (an entry's `num_samples`).
    package var sampleCount: Int?
    /// Whether dataset_info.json lists it. Lines of its text files are documents then, as
    /// LLaMA-Factory reads them.
    package var isListed = false

    /// Whether its documents have to be written anew before a corpus can be made of them.
    ///
    /// - Parameter column: the column that the corpus's records have their text in
    package func needsSelection(besides column: String) -> Bool {
        maxDocuments != nil || sampleCount != nil || isTable || isListed && isText
            || textColumn != column && !isText
    }

    /// What is written anew of it.
    package func selection(writing column: String) -> CorpusSelection {
        CorpusSelection(
            name: name, paths: [path] + furtherPaths, textColumn: textColumn,
            writtenColumn: column,
            linesAreDocuments: isListed, sampleCount: sampleCount, limit: maxDocuments)
    }

    /// Whether it is plain text; a folder by its first file.
    package var isText: Bool {
        var isFolder: ObjCBool = false
        var name = path
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue
        {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            name = names.filter { !$0.hasPrefix(".") }.min() ?? ""
        }
        return ["txt", "text", "md"].contains((name as NSString).pathExtension.lowercased())
    }

    private var isTable: Bool { (path as NSString).pathExtension.lowercased() == "csv" }

    /// How its documents lie, in a line; `nil` where each record is one.
    package var notice: String? {
        guard isText else { return nil }
        return isListed
            ? "dataset \(name): each line is a document, as LLaMA-Factory reads it; given by its "
                + "path, the file would be one document"
            : "dataset \(name): each file is one document; listed in dataset_info.json, each line "
                + "would be one, as LLaMA-Factory reads it"
    }
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
        guard let data = RegularFile.contents(path) else { return [:] }
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
        var source = DatasetSource(
            name: name, path: files.first ?? "", textColumn: columns?["prompt"] ?? textColumn,
            maxDocuments: maxDocuments)
        source.isListed = true
        if let given = entry["num_samples"], !(given is NSNull) {
            guard let count = given as? Int, count > 0, count < 1 << 32 else {
                throw unusable(
                    "has num_samples: \(given) in dataset_info.json, expected a number "
                        + "from 1")
            }
            source.sampleCount = count
        }
        // A part is taken of all files together.
        if source.maxDocuments != nil || source.sampleCount != nil {
            source.furtherPaths = Array(files.dropFirst())
            return [source]
        }
        return files.map { path in
            var one = source
            one.path = path
            return one
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

    /// Where a pretraining run reads text for evaluation; empty when it is held out of the training
    /// text.
    ///
    /// - Parameter names: of `eval_dataset`, all of them unless given.
    /// - Throws: ``ConfigurationError`` `file` as ``DatasetCatalog`` does.
    package func evalDatasetSources(
        of names: [String]? = nil
    ) throws(ConfigurationError) -> [DatasetSource] {
        try sources(of: names ?? data.evalDataset, key: "eval_dataset")
    }

    private func sources(
        of names: [String], key: String
    ) throws(ConfigurationError) -> [DatasetSource] {
        try DatasetCatalog.sources(
            of: names, key: key, folder: data.datasetDir, textColumn: data.textColumn,
            maxDocuments: data.maxSamples, caches: caches, place: settings.place(key))
    }
}
