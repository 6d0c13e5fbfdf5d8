import Files
import Foundation

/// The files of CORE: which tasks there are, their documents, and what chance gets right.
struct CoreBundle {
    enum Kind: String {
        case choice = "multiple_choice"
        case schema
        case language = "language_modeling"
    }

    struct Entry {
        let label: String
        let kind: Kind
        let shots: Int
        let delimiter: String
        /// Percent.
        let baseline: Double
        let path: String
    }

    let tasks: [Entry]

    /// - Throws: ``EvaluationError/user(_:)`` for files that are missing or damaged.
    init(_ setting: TaskSetting) throws(EvaluationError) {
        let folders = ["", "/eval_bundle", "/core"].map { setting.folder + $0 }
        guard
            let folder = folders.first(where: {
                FileManager.default.fileExists(atPath: $0 + "/core.yaml")
            })
        else {
            throw .user(
                "'\(setting.folder)/core.yaml' does not exist; task_dir has to hold CORE's bundle "
                    + "(core.yaml, eval_meta_data.csv, eval_data), itself or as eval_bundle, as "
                    + "docs/evaluation.md describes")
        }
        let path = folder + "/core.yaml"
        guard let entries = try setting.readYAML(path)["icl_tasks"]?.array, !entries.isEmpty else {
            throw .user("\(path): expected a list icl_tasks")
        }
        let baselines = try Self.baselines(folder + "/eval_meta_data.csv")
        var tasks: [Entry] = []
        for entry in entries {
            guard let label = entry["label"]?.string, let uri = entry["dataset_uri"]?.string,
                let kind = entry["icl_task_type"]?.string.flatMap(Kind.init),
                let shots = entry["num_fewshot"]?.array?.first?.integer, shots >= 0
            else {
                throw .user(
                    "\(path): found \(entry.text()), expected label, dataset_uri, num_fewshot: [n] "
                        + "and icl_task_type multiple_choice, schema or language_modeling")
            }
            guard let baseline = baselines[label] else {
                throw .user("\(folder)/eval_meta_data.csv: no row of Eval Task '\(label)'")
            }
            let file = "\(folder)/eval_data/\(uri)"
            guard FileManager.default.fileExists(atPath: file) else {
                throw .user("'\(file)' does not exist, though \(path) names it for \(label)")
            }
            tasks.append(
                Entry(
                    label: label, kind: kind, shots: shots,
                    delimiter: entry["continuation_delimiter"]?.string ?? " ",
                    baseline: baseline, path: file))
        }
        self.tasks = tasks
    }

    /// Percent by task.
    private static func baselines(_ path: String) throws(EvaluationError) -> [String: Double] {
        let file = try TaskRows(path)
        var baselines: [String: Double] = [:]
        for row in file.rows {
            guard let label = row.values["Eval Task"]?.string else {
                throw file.mistake(row, "expected a column Eval Task")
            }
            let text = row.values["Random baseline"]?.string ?? ""
            guard let baseline = Double(text), (0..<100).contains(baseline) else {
                throw file.mistake(
                    row, "Random baseline: found '\(text)', expected percent below 100")
            }
            baselines[label] = baseline
        }
        return baselines
    }
}
