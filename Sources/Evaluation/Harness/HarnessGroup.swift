import Files
import Foundation
package import Metrics

/// Tasks whose figures are averaged, as lm-evaluation-harness's group files define them.
///
/// Source: lm-evaluation-harness 0.4.13, api/group.py and config/group.py.
package struct HarnessGroup {
    /// A metric that is averaged over the tasks that have it.
    struct Aggregate {
        let metric: String
        /// Filters by name; `nil` for all that the tasks have.
        let filters: [String]?
        /// Whether a task counts as often as it has documents; else once.
        let weighsBySize: Bool
    }

    package let name: String
    let alias: String
    let version: JSONValue?
    /// Names of its tasks and groups, in their order.
    let children: [String]
    /// Names of all tasks in it and in its groups.
    let leaves: [String]
    let aggregates: [Aggregate]

    private static let known: Set<String> = [
        "group", "group_alias", "task", "aggregate_metric_list", "metadata", "tag",
    ]

    /// A task or group of a group.
    struct Member {
        /// A name, or a file.
        let name: String
        /// Keys that win over the task's own, or that define one; empty of a mere name.
        let changes: JSONValue
    }

    /// What a group file says of its members.
    static func members(
        _ values: JSONValue, _ path: String
    ) throws(EvaluationError) -> [Member] {
        if let key = values.members?.map(\.key).first(where: { !known.contains($0) }) {
            let nearest = NearestName.find(key, among: Array(known))
            throw .user(
                "\(path): \(key) is not known in group files"
                    + (nearest.map { "; did you mean \($0)?" } ?? "; leave it out"))
        }
        let list = values["task"]?.array ?? values["task"].map { [$0] } ?? []
        let members = list.compactMap { entry -> Member? in
            guard let name = entry.string ?? entry["task"]?.string else { return nil }
            let changes = (entry.members ?? []).filter { $0.key != "task" }
            return Member(name: name, changes: .object(changes))
        }
        guard !members.isEmpty, members.count == list.count else {
            throw .user(
                "\(path): task: found \(values["task"]?.text() ?? "nothing"), expected names of "
                    + "tasks, files, or settings with a task; a group in it needs a group file")
        }
        return members
    }

    /// - Parameters:
    ///   - values: of the group file `path`.
    ///   - children: names of what its members turned out to be.
    init(
        _ values: JSONValue, _ path: String, children: [String], leaves: [String]
    ) throws(EvaluationError) {
        guard let name = values["group"]?.string, !name.isEmpty, !name.contains("/") else {
            throw .user("\(path): group: expected the group's name")
        }
        self.name = name
        alias = values["group_alias"]?.string ?? name
        version = values["metadata"]?["version"]
        (self.children, self.leaves) = (children, leaves)
        let list = values["aggregate_metric_list"]
        var aggregates: [Aggregate] = []
        for entry in list?.array ?? list.map({ [$0] }) ?? [] where entry != .null {
            aggregates.append(try Self.aggregate(entry, path))
        }
        self.aggregates = aggregates
    }

    private static func aggregate(
        _ entry: JSONValue, _ path: String
    ) throws(EvaluationError) -> Aggregate {
        guard let metric = entry["metric"]?.string else {
            throw .user("\(path): aggregate_metric_list: each entry needs a metric")
        }
        for (key, value) in entry.members ?? [] {
            let isSound =
                switch key {
                case "metric": true
                case "aggregation": value.string == "mean"
                case "weight_by_size": value.bool != nil
                case "filter_list": value == .null || value.string != nil || value.array != nil
                default: false
                }
            guard isSound else {
                throw .user(
                    "\(path): aggregate_metric_list: \(key): found \(value.text()), expected "
                        + "metric, aggregation: mean, weight_by_size, filter_list")
            }
        }
        let filters = entry["filter_list"]
        return Aggregate(
            metric: metric,
            filters: filters?.string.map { [$0] } ?? filters?.array?.compactMap(\.string),
            weighsBySize: entry["weight_by_size"]?.bool ?? true)
    }

    /// The group's figures out of its tasks'.
    func rows(_ reports: [TaskReport]) -> [TaskReport.Row] {
        let own = leaves.compactMap { leaf in reports.first { $0.task == leaf } }
        var rows: [TaskReport.Row] = []
        for aggregate in aggregates {
            let found = own.flatMap { report in
                report.rows.filter { $0.metric == aggregate.metric }
                    .map { (row: $0, size: Double(report.documents)) }
            }
            let filters = aggregate.filters ?? Set(found.map(\.row.filter)).sorted()
            for filter in filters {
                let parts = found.filter { $0.row.filter == filter }
                guard let first = parts.first?.row else { continue }
                let errors = parts.compactMap(\.row.standardError)
                rows.append(
                    TaskReport.Row(
                        metric: aggregate.metric, filter: filter,
                        value: Self.mean(
                            parts.map(\.row.value),
                            aggregate.weighsBySize ? parts.map(\.size) : parts.map { _ in 1 }),
                        standardError: errors.count < parts.count
                            ? nil
                            : aggregate.weighsBySize
                                ? Self.pooled(errors, parts.map(\.size))
                                : errors.reduce(0) { $0 + $1 * $1 }.squareRoot()
                                    / Double(errors.count),
                        isHigherBetter: first.isHigherBetter))
            }
        }
        return rows
    }

    /// Figures by name, as a training run logs them.
    package func figures(_ reports: [TaskReport]) -> [Figure] {
        rows(reports).map { row in
            let filter = row.filter == "none" ? "" : "_" + row.filter
            return Figure(name: "\(name)_\(row.metric)\(filter)", value: row.value)
        }
    }

    private static func mean(_ values: [Double], _ weights: [Double]) -> Double {
        zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +)
    }

    /// The error of a mean over all documents; NaN where each task has one document.
    private static func pooled(_ errors: [Double], _ sizes: [Double]) -> Double {
        let all = sizes.reduce(0, +)
        let squares = zip(sizes, errors).reduce(0) { $0 + ($1.0 - 1) * $1.1 * $1.1 * $1.0 }
        return (squares / (all - Double(sizes.count)) / all).squareRoot()
    }
}
