import Datasets
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

extension DatasetSource {
    /// The sources of `names`, in their order.
    ///
    /// A name in `folder`/dataset_info.json stands for that entry's file or folder; any other name
    /// is a path or a pattern of its own.
    /// - Throws: ``ConfigurationError`` `file` when dataset_info.json is broken or an entry cannot
    ///   be used for running text.
    package static func named(
        _ names: [String], key: String, folder: String, textColumn: String, maxDocuments: Int?,
        caches: HubCaches = .none, place: ConfigurationPlace
    ) throws(ConfigurationError) -> [DatasetSource] {
        let catalog: DatasetCatalog
        do throws(ConversationError) {
            catalog = try DatasetCatalog(folder, caches: caches)
        } catch {
            throw .file(
                key: "dataset_dir",
                path: (folder as NSString).appendingPathComponent("dataset_info.json"),
                problem: "is not a JSON object of datasets", place: place)
        }
        var sources: [DatasetSource] = []
        for name in names {
            func unusable(_ problem: String) -> ConfigurationError {
                .file(key: key, path: name, problem: problem, place: place)
            }
            let info: DatasetInfo?
            do throws(ConversationError) {
                info = try catalog.info(name)
            } catch {
                throw unusable("in dataset_info.json: \(words(error))")
            }
            guard let info else {
                sources.append(
                    DatasetSource(
                        name: name, path: name, textColumn: textColumn, maxDocuments: maxDocuments))
                continue
            }
            if let problem = problem(of: info) { throw unusable(problem) }
            let files: [String]
            do throws(ConversationError) {
                files = try info.paths(in: folder, caches)
            } catch {
                throw unusable(words(error))
            }
            let source = DatasetSource(
                name: name, path: files.first ?? "",
                textColumn: info.columns?["prompt"] ?? textColumn, maxDocuments: maxDocuments,
                sampleCount: info.sampleCount, isListed: true)
            sources += source.parts(files)
        }
        return sources
    }

    /// An error about an entry without the dataset's name.
    private static func words(_ error: ConversationError) -> String {
        if case .entry(_, let problem) = error { problem } else { "\(error)" }
    }

    /// Why an entry is of no use for running text.
    private static func problem(of info: DatasetInfo) -> String? {
        if info.isRanking || info.formatting != .alpaca {
            return "is a dataset of conversations; stage: pt reads running text from one column"
        }
        if info.isWithoutPlace {
            return "has no file_name in dataset_info.json; put its files into dataset_dir and name "
                + "them there"
        }
        if let count = info.sampleCount, count >= 1 << 32 {
            return "has num_samples: \(count) in dataset_info.json, expected a number from 1"
        }
        return nil
    }

    /// A source of each file; all in one where a part is taken of them together.
    private func parts(_ files: [String]) -> [DatasetSource] {
        if maxDocuments != nil || sampleCount != nil {
            var whole = self
            whole.furtherPaths = Array(files.dropFirst())
            return [whole]
        }
        return files.map { path in
            var one = self
            one.path = path
            return one
        }
    }
}

extension RunConfiguration {
    /// Where `prepare` reads training text.
    /// - Throws: ``ConfigurationError`` `file` as ``DatasetSource`` does.
    package func datasetSources() throws(ConfigurationError) -> [DatasetSource] {
        try sources(of: data.dataset, key: "dataset")
    }

    /// Where a pretraining run reads text for evaluation; empty when it is held out of the training
    /// text.
    ///
    /// - Parameter names: of `eval_dataset`, all of them unless given.
    /// - Throws: ``ConfigurationError`` `file` as ``DatasetSource`` does.
    package func evalDatasetSources(
        of names: [String]? = nil
    ) throws(ConfigurationError) -> [DatasetSource] {
        try sources(of: names ?? data.evalDataset, key: "eval_dataset")
    }

    private func sources(
        of names: [String], key: String
    ) throws(ConfigurationError) -> [DatasetSource] {
        try DatasetSource.named(
            names, key: key, folder: data.datasetDir, textColumn: data.textColumn,
            maxDocuments: data.maxSamples, caches: caches, place: settings.place(key))
    }
}
