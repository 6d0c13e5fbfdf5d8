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

    private let reports: [TaskReport]
    private let run: Run

    package init(_ reports: [TaskReport], _ run: Run) {
        (self.reports, self.run) = (reports, run)
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
        func byTask(_ value: (TaskReport) -> JSONValue) -> JSONValue {
            .object(reports.map { (key: $0.task, value: value($0)) })
        }
        return .object([
            ("results", byTask(Self.figures)),
            ("group_subtasks", byTask { _ in .array([]) }),
            ("configs", byTask(\.configuration)),
            ("versions", byTask { $0.version ?? .string("Yaml") }),
            ("n-shot", byTask { .int($0.shots) }),
            (
                "higher_is_better",
                byTask { report in
                    var members: [JSONValue.Member] = []
                    for row in report.rows where !members.contains(where: { $0.key == row.metric })
                    {
                        members.append((key: row.metric, value: .bool(row.isHigherBetter)))
                    }
                    return .object(members)
                }
            ),
            (
                "n-samples",
                byTask {
                    .object([
                        ("original", .int($0.originalDocuments)), ("effective", .int($0.documents)),
                    ])
                }
            ),
            ("config", .object([("model", .string("lockstep"))] + run.settings)),
            ("date", .double(run.date.timeIntervalSince1970)),
            ("lockstep_version", .string(run.version)),
            ("model_source", .string("lockstep")), ("model_name", .string(run.model)),
            ("total_evaluation_time_seconds", .string(String(run.seconds))),
        ])
    }

    private static func figures(_ report: TaskReport) -> JSONValue {
        var members: [JSONValue.Member] = [("alias", .string(report.task))]
        for row in report.rows {
            members.append((key: "\(row.metric),\(row.filter)", value: .double(row.value)))
            members.append(
                (
                    key: "\(row.metric)_stderr,\(row.filter)",
                    value: row.standardError.map { .double($0) } ?? .string("N/A")
                ))
        }
        return .object(members)
    }

    /// The table that lm-evaluation-harness prints, a line a figure.
    package var table: [String] {
        let heads = ["Tasks", "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr"]
        var lines: [[String]] = []
        for report in reports {
            for (number, row) in report.rows.sorted(by: Self.isBefore).enumerated() {
                lines.append([
                    number == 0 ? report.task : "",
                    number == 0 ? report.version?.pythonText ?? "Yaml" : "", row.filter,
                    String(report.shots), row.metric, row.isHigherBetter ? "↑" : "↓",
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
