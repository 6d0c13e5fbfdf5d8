import Foundation
import Metrics
import Reports
package import Training

/// A benchmark's report as Markdown.
package struct BenchmarkTable {
    private let report: BenchmarkReport

    package init(_ report: BenchmarkReport) { self.report = report }

    /// Machine, table and notes.
    package func markdown() -> String {
        var lines = ["# Benchmark", ""]
        lines += report.facts.map { "- \($0.name): \($0.value)" }
        if !report.facts.isEmpty { lines.append("") }
        lines += [
            "Medians of \(turns); a ratio is the median of the pairs' ratios, with the smallest and "
                + "the largest. 1 GB is 10⁹ bytes.", "",
            "| work | figure | Lockstep | beside | ratio | goal | reached |",
            "|---|---|---|---|---|---|---|",
        ]
        var notes = report.notes
        for row in report.rows {
            if row.figures.isEmpty { lines.append("| \(row.title) |  |  |  |  |  |  |") }
            for (index, figure) in row.figures.enumerated() {
                let title = index == 0 ? row.title : ""
                let cells = [title, figure.target.name] + cells(figure, in: row)
                lines.append("| " + cells.joined(separator: " | ") + " |")
            }
            notes += row.notes.map { "\(row.title): \($0)" }
            if row.commit != report.rows.first?.commit {
                notes.append("\(row.title): measured at \(row.commit), \(row.date)")
            }
        }
        if !notes.isEmpty { lines += [""] + notes.map { "- \($0)" } }
        return lines.joined(separator: "\n") + "\n"
    }

    /// How often programs ran: "5 turns", or "2 to 5 turns" where rows differ.
    private var turns: String {
        let counts = report.rows.flatMap { $0.sides.map(\.runs.count) }
        guard let least = counts.min(), let most = counts.max() else { return "no turns" }
        if least < most { return "\(least) to \(most) turns" }
        return most == 1 ? "1 turn" : "\(most) turns"
    }

    /// Lockstep, beside, ratio, goal, reached.
    private func cells(_ figure: BenchmarkReport.Figure, in row: BenchmarkReport.Row) -> [String] {
        let target = figure.target
        let own = figure.value.map { Self.text($0, target.format) } ?? "not measured"
        var beside = ""
        if let against = target.against {
            let name = row.sides.first { $0.id == against }?.name
            let other = figure.other.map { Self.text($0, target.format) }
            beside = other.map { "\(name ?? against) \($0)" } ?? "not measured"
        }
        return [own, beside, Self.ratio(figure), Self.goal(target), reached(figure)]
    }

    private func reached(_ figure: BenchmarkReport.Figure) -> String {
        figure.isReached.map { $0 ? "yes" : "no" } ?? ""
    }

    /// The median of the ratios and their span; of a scaled one, a share.
    private static func ratio(_ figure: BenchmarkReport.Figure) -> String {
        guard let ratio = figure.ratio, let low = figure.ratios.min(),
            let high = figure.ratios.max()
        else { return "" }
        if figure.target.scale != nil {
            return String(
                format: "%.1f %% (%.1f–%.1f)", 100 * ratio, 100 * low, 100 * high)
        }
        return String(format: "%.2f × (%.2f–%.2f)", ratio, low, high)
    }

    private static func goal(_ target: BenchmarkTarget) -> String {
        func bound(_ value: Double) -> String {
            guard target.judgesRatio else { return text(value, target.format) }
            return target.scale != nil
                ? String(format: "%.0f %%", 100 * value) : String(format: "%g ×", value)
        }
        let bounds =
            (target.atLeast.map { ["≥ " + bound($0)] } ?? [])
            + (target.atMost.map { ["≤ " + bound($0)] } ?? [])
        return bounds.joined(separator: ", ")
    }

    /// A number with its unit.
    package static func text(_ value: Double, _ format: BenchmarkTarget.Format) -> String {
        switch format {
        case .rate: String(format: value < 100 ? "%.1f tokens/s" : "%.0f tokens/s", value)
        case .bytes: String(format: "%.2f GB", value / 1e9)
        case .seconds: String(format: "%.2f s", value)
        case .share: String(format: "%.1f %%", 100 * value)
        case .bandwidth: String(format: "%.2f GB/s", value / 1e9)
        }
    }
}

extension BenchmarkReport {
    /// Reads the records of `folder`/runs and writes `folder`/benchmark.md and benchmark.json.
    ///
    /// - Returns: the Markdown.
    /// - Throws: ``TrainingError/user(_:)`` where there are no records, or nothing can be written.
    package static func write(folder: String) throws(TrainingError) -> String {
        let runs = folder + "/runs"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: runs)) ?? [])
            .filter { $0.hasSuffix(".jsonl") }.sorted()
        guard !names.isEmpty else {
            throw .user("\(runs) holds no .jsonl files; scripts/benchmark.sh writes them")
        }
        var records: [BenchmarkRecord] = []
        for name in names { records += try BenchmarkRecord.read(runs + "/" + name) }
        let report = BenchmarkReport(records)
        let markdown = BenchmarkTable(report).markdown()
        let json = try report.json()
        do {
            try ReportFile.write(Data(json.utf8), to: folder + "/benchmark.json")
            try ReportFile.write(Data(markdown.utf8), to: folder + "/benchmark.md")
        } catch {
            guard case .write(let file, let reason) = error else { throw .user("\(error)") }
            throw .user("'\(file)' cannot be written: \(reason)")
        }
        return markdown
    }
}
