import Files
import Foundation
import Templates

/// The documents of a task: what it is tried on, and what shots are taken from.
struct HarnessDocuments {
    /// Rows of the tried split, as the task's rule made them.
    let tried: [JSONValue]
    /// Where each of them stands, for messages.
    let places: [String]
    /// Columns of the tried documents: a field that is one of these names is that column, in every document.
    let columns: Set<String>
    /// What shots are taken from; empty where there are none.
    let pool: [JSONValue]
    /// Whether the pool may hold the document that is asked about.
    let poolHasTried: Bool
    /// Files that were read.
    let files: [String]

    /// - Throws: ``EvaluationError/user(_:)`` for files that are missing or damaged.
    init(
        _ definition: HarnessDefinition, shots: Int, _ setting: TaskSetting
    ) throws(EvaluationError) {
        guard let split = definition.testSplit ?? definition.validationSplit else {
            throw .user(
                "task \(definition.task): neither test_split nor validation_split is set; name the "
                    + "split to try")
        }
        var reader = Reader(definition, setting)
        let rows = try reader.rows(of: split)
        (tried, places) = (rows.map(\.document), rows.map(\.place))
        columns = tried.reduce(into: []) { $0.formUnion(($1.members ?? []).map(\.key)) }
        poolHasTried = definition.fewshotSplit == definition.testSplit
        if shots == 0 {
            pool = []
        } else if let samples = definition.samples, definition.fewshotSplit == nil {
            pool = samples
        } else {
            let source =
                definition.fewshotSplit ?? definition.trainingSplit ?? definition.validationSplit
                ?? split
            pool = source == split ? tried : try reader.rows(of: source).map(\.document)
        }
        files = reader.files
    }

    private struct Reader {
        let definition: HarnessDefinition
        let setting: TaskSetting
        var files: [String] = []
        private var types: ColumnTypes?

        init(_ definition: HarnessDefinition, _ setting: TaskSetting) {
            (self.definition, self.setting) = (definition, setting)
        }

        mutating func rows(
            of split: String
        ) throws(EvaluationError) -> [(document: JSONValue, place: String)] {
            let types = try types(with: split)
            var found: [(document: JSONValue, place: String)] = []
            for path in try paths(of: split) {
                let file = try TaskRows(path, isTyped: true)
                files.append(path)
                for row in file.rows {
                    let place = "\(path) \(row.position)"
                    let values = types.row(row.values)
                    do throws(RowProblem) {
                        found.append(
                            (
                                try definition.process.map { process throws(RowProblem) in
                                    try process(values)
                                } ?? values, place
                            ))
                    } catch {
                        throw .user("\(place): found \(error.found), expected \(error.expected)")
                    }
                }
            }
            return found
        }

        /// What columns hold: in all splits of the files that a task names, which `datasets` reads by one
        /// set of types, else in the split.
        private mutating func types(with split: String) throws(EvaluationError) -> ColumnTypes {
            if let types { return types }
            var found = ColumnTypes()
            let others = definition.files.keys.sorted().filter { $0 != split }
            for name in [split] + others {
                for path in try paths(of: name) {
                    let file = try TaskRows(path, isTyped: true)
                    for row in file.rows {
                        found.add(row.values, isSeparated: file.isSeparated)
                    }
                }
            }
            if !definition.files.isEmpty { types = found }
            return found
        }

        private func paths(of split: String) throws(EvaluationError) -> [String] {
            let task = definition.task
            if !definition.files.isEmpty {
                guard let paths = definition.files[split] else {
                    throw .user(
                        "task \(task): data_files name no file of split '\(split)', only of "
                            + definition.files.keys.sorted().joined(separator: ", "))
                }
                for path in paths where !FileManager.default.fileExists(atPath: path) {
                    throw .user("task \(task): '\(path)' (data_files) does not exist")
                }
                return paths
            }
            let folder = "\(setting.folder)/\(task)"
            let places = ["jsonl", "json", "csv", "tsv", "parquet", "arrow"].map {
                "\(folder)/\(split).\($0)"
            }
            guard let path = places.first(where: FileManager.default.fileExists(atPath:)) else {
                throw .user(
                    "task \(task): '\(places[0])' does not exist (nor .json, .csv, .tsv, .parquet, .arrow); task_dir "
                        + "has to hold \(task)/\(split) in the data set's own columns, as "
                        + "docs/evaluation.md describes")
            }
            return [path]
        }
    }
}
