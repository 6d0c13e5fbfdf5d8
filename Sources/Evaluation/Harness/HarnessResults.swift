package import Files
package import Foundation

/// lm-evaluation-harness's results of all its tasks: a file, and a table for the terminal.
package struct HarnessResults {
    /// What the results are of.
    package struct Run {
        package let model: String
        /// Settings by name, as results give them.
        package let settings: [JSONValue.Member]
        package let version: String
        /// When the evaluation was begun.
        package let date: Date
        package let seconds: Double

        package init(
            model: String, settings: [JSONValue.Member], version: String, date: Date,
            seconds: Double
        ) {
            self.model = model
            self.settings = settings
            self.version = version
            self.date = date
            self.seconds = seconds
        }
    }

    /// A task or a group with its figures.
    private struct Entry {
        let name: String
        let alias: String
        let version: JSONValue?
        /// `nil` of a group whose tasks have different numbers.
        let shots: Int?
        let rows: [TaskReport.Row]
        /// How many groups it stands in.
        var depth = 0
    }

    private let reports: [TaskReport]
    private let groups: [HarnessGroup]
    private let run: Run

    package init(_ reports: [TaskReport], groups: [HarnessGroup] = [], _ run: Run) {
        (self.reports, self.groups, self.run) = (reports, groups, run)
    }

    private func entry(_ report: TaskReport) -> Entry {
        Entry(
            name: report.task, alias: report.task, version: report.version, shots: report.shots,
            rows: report.rows)
    }

    private func entry(_ group: HarnessGroup) -> Entry {
        let shots = Set(reports.filter { group.leaves.contains($0.task) }.map(\.shots))
        return Entry(
            name: group.name, alias: group.alias, version: group.version,
            shots: shots.count == 1 ? shots.first : nil, rows: group.rows(reports))
    }

    /// Groups with what they hold behind them, then tasks that are in none.
    private var ordered: [Entry] {
        let held = Set(groups.flatMap(\.children))
        var entries: [Entry] = []
        func add(_ name: String, depth: Int) {
            guard !entries.contains(where: { $0.name == name }) else { return }
            let group = groups.first { $0.name == name }
            let report = reports.first { $0.task == name }
            guard var own = group.map({ entry($0) }) ?? report.map({ entry($0) }) else { return }
            own.depth = depth
            entries.append(own)
            for child in group?.children ?? [] { add(child, depth: depth + 1) }
        }
        for group in groups where !held.contains(group.name) { add(group.name, depth: 0) }
        for report in reports { add(report.task, depth: 0) }
        return entries
    }

    /// `2026-01-31T23-59-58.123456`, as file names have it.
    package static func stamp(_ date: Date) -> String {
        let seconds = date.timeIntervalSince1970
        var whole = time_t(seconds.rounded(.down))
        var parts = tm()
        gmtime_r(&whole, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d-%02d-%02d.%06d", Int(parts.tm_year) + 1900,
            Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min),
            Int(parts.tm_sec), Int((seconds - seconds.rounded(.down)) * 1e6))
    }

    package var fileName: String { "results_\(Self.stamp(run.date)).json" }

    /// The file's text.
    package var json: JSONValue {
        let entries = ordered
        var members: [JSONValue.Member] = [("results", Self.byName(entries, Self.figures))]
        let averaged = groups.filter { !$0.aggregates.isEmpty }.map { entry($0) }
        if !averaged.isEmpty { members.append(("groups", Self.byName(averaged, Self.figures))) }
        members.append(("group_subtasks", subtasks))
        members.append(("configs", byTask { $0.configuration }))
        members.append(
            ("versions", Self.byName(entries) { $0.version ?? JSONValue.string("Yaml") }))
        let counted = entries.filter { $0.shots != nil }
        members.append(("n-shot", Self.byName(counted) { JSONValue.int($0.shots ?? 0) }))
        members.append(("higher_is_better", byTask(Self.directions)))
        members.append(
            (
                "n-samples",
                byTask { report in
                    .object([
                        ("original", .int(report.originalDocuments)),
                        ("effective", .int(report.documents)),
                    ])
                }
            ))
        let model: [JSONValue.Member] = [("model", .string("lockstep"))]
        members.append(("config", .object(model + run.settings)))
        members += [
            ("date", .double(run.date.timeIntervalSince1970)),
            ("lockstep_version", .string(run.version)),
            ("model_source", .string("lockstep")), ("model_name", .string(run.model)),
            ("total_evaluation_time_seconds", .string(String(run.seconds))),
        ]
        return .object(members)
    }

    private func byTask(_ value: (TaskReport) -> JSONValue) -> JSONValue {
        .object(reports.map { (key: $0.task, value: value($0)) })
    }

    private static func byName(_ entries: [Entry], _ value: (Entry) -> JSONValue) -> JSONValue {
        .object(entries.map { (key: $0.name, value: value($0)) })
    }

    /// What groups hold; of tasks nothing.
    private var subtasks: JSONValue {
        var members: [JSONValue.Member] = []
        for group in groups {
            members.append((group.name, .array(group.children.map { .string($0) })))
        }
        for report in reports { members.append((report.task, .array([]))) }
        return .object(members)
    }

    /// Of which metrics more is better.
    private static func directions(_ report: TaskReport) -> JSONValue {
        var members: [JSONValue.Member] = []
        for row in report.rows where !members.contains(where: { $0.key == row.metric }) {
            members.append((key: row.metric, value: .bool(row.isHigherBetter)))
        }
        return .object(members)
    }

    private static func figures(_ entry: Entry) -> JSONValue {
        var members: [JSONValue.Member] = [("alias", .string(entry.alias))]
        for row in entry.rows {
            members.append((key: "\(row.metric),\(row.filter)", value: .double(row.value)))
            members.append(
                (
                    key: "\(row.metric)_stderr,\(row.filter)",
                    value: row.standardError.map { .double($0) } ?? .string("N/A")
                ))
        }
        return .object(members)
    }

    /// The tables that lm-evaluation-harness prints, a line a figure: of all, then of groups.
    package var table: [String] {
        let own = groups.filter { !$0.aggregates.isEmpty }.map { entry($0) }
        return Self.table("Tasks", ordered) + (own.isEmpty ? [] : Self.table("Groups", own))
    }

    private static func table(_ title: String, _ entries: [Entry]) -> [String] {
        let heads = [title, "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"]
        var lines: [[String]] = []
        for entry in entries {
            let indent = entry.depth > 0 ? String(repeating: " ", count: entry.depth) + "- " : ""
            for (number, row) in entry.rows.sorted(by: isBefore).enumerated() {
                lines.append([
                    number == 0 ? indent + entry.alias : "",
                    number == 0 ? entry.version?.pythonText ?? "Yaml" : "", row.filter,
                    entry.shots.map(String.init) ?? "", row.metric, row.isHigherBetter ? "↑" : "↓",
                    String(format: "%.4f", row.value), "±",
                    row.standardError.map { String(format: "%.4f", $0) } ?? "N/A",
                ])
            }
        }
        let widths = heads.indices.map { column in
            ([heads] + lines).reduce(0) { max($0, $1[column].count) }
        }
        let isRight = [false, true, false, true, false, false, true, false, true]
        func line(_ cells: [String]) -> String {
            "|"
                + cells.indices.map { column in
                    let space = String(repeating: " ", count: widths[column] - cells[column].count)
                    return isRight[column] ? space + cells[column] : cells[column] + space
                }.joined(separator: "|") + "|"
        }
        let rule =
            "|"
            + widths.indices.map { column in
                String(repeating: "-", count: max(widths[column], 1) - (isRight[column] ? 1 : 0))
                    + (isRight[column] ? ":" : "")
            }.joined(separator: "|") + "|"
        return lines.isEmpty ? [] : [line(heads), rule] + lines.map(line)
    }

    private static func isBefore(_ a: TaskReport.Row, _ b: TaskReport.Row) -> Bool {
        (a.metric, a.filter) < (b.metric, b.filter)
    }
}
