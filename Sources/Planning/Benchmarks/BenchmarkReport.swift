import Foundation
import Metrics
package import Training

/// What a benchmark came to: each row's sides with their medians, and each figure beside its bound.
package struct BenchmarkReport: Sendable, Codable {
    package var facts: [BenchmarkFact]
    package var rows: [Row]
    /// Notes about no row in particular.
    package var notes: [String]

    /// A kind of work.
    package struct Row: Sendable, Codable {
        package var id: String
        package var title: String
        package var date: String
        package var commit: String
        package var sides: [Side]
        package var figures: [Figure]
        package var notes: [String]
    }

    /// One program, or one way to run it, in a row.
    package struct Side: Sendable, Codable {
        package var id: String
        package var name: String
        /// By quantity, over its runs.
        package var medians: [String: Double]
        /// Numbers of each run by pair.
        package var runs: [Int: [String: Double]]
    }

    /// A figure and what it had to be.
    package struct Figure: Sendable, Codable {
        package var target: BenchmarkTarget
        /// Median of the side's runs; `nil` where it was not measured.
        package var value: Double?
        /// Median of the other side's runs.
        package var other: Double?
        /// Of each pair that both sides ran.
        package var ratios: [Double]
        /// Median of the ratios.
        package var ratio: Double?
        /// Whether the bound is kept; `nil` where there is none, or nothing to hold against it.
        package var isReached: Bool?
    }

    /// Gathers records, in any order.
    package init(_ records: [BenchmarkRecord]) {
        facts = []
        notes = []
        rows = []
        var rowRecords: [BenchmarkRow] = []
        var targets: [BenchmarkTarget] = []
        var runs: [BenchmarkRun] = []
        var rowNotes: [BenchmarkNote] = []
        for record in records {
            switch record {
            case .fact(let fact): facts.append(fact)
            case .row(let row): rowRecords.append(row)
            case .target(let target): targets.append(target)
            case .run(let run): runs.append(run)
            case .note(let note):
                if note.row == nil { notes.append(note.text) } else { rowNotes.append(note) }
            }
        }
        rows = rowRecords.sorted { $0.order < $1.order }.map { row in
            let sides = Self.sides(runs.filter { $0.row == row.row })
            return Row(
                id: row.row, title: row.title, date: row.date, commit: row.commit, sides: sides,
                figures: targets.filter { $0.row == row.row }.map { Self.figure($0, of: sides) },
                notes: rowNotes.filter { $0.row == row.row }.map(\.text))
        }
    }

    /// The middle one, or the mean of the middle two; `nil` for none.
    package static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The sides of a row's runs, in the order in which they first ran.
    private static func sides(_ runs: [BenchmarkRun]) -> [Side] {
        var sides: [Side] = []
        for run in runs {
            let index = sides.firstIndex { $0.id == run.side } ?? sides.endIndex
            if index == sides.endIndex {
                sides.append(Side(id: run.side, name: run.name, medians: [:], runs: [:]))
            }
            sides[index].runs[run.pair] = run.numbers
        }
        for index in sides.indices {
            let numbers = sides[index].runs.values
            for quantity in Set(numbers.flatMap(\.keys)) {
                sides[index].medians[quantity] = median(numbers.compactMap { $0[quantity] })
            }
        }
        return sides
    }

    private static func figure(_ target: BenchmarkTarget, of sides: [Side]) -> Figure {
        let side = sides.first { $0.id == target.side }
        let other = sides.first { $0.id == target.against }
        var ratios: [Double] = []
        if let side, let other {
            for (pair, numbers) in side.runs.sorted(by: { $0.key < $1.key }) {
                guard let own = numbers[target.quantity],
                    let others = other.runs[pair]?[target.quantity], others > 0
                else { continue }
                ratios.append(own / others * (target.scale ?? 1))
            }
        }
        var figure = Figure(
            target: target, value: side?.medians[target.quantity],
            other: other?.medians[target.quantity], ratios: ratios, ratio: median(ratios))
        let judged = target.judgesRatio ? figure.ratio : figure.value
        if let judged, target.atLeast != nil || target.atMost != nil {
            figure.isReached =
                judged >= target.atLeast ?? -.infinity && judged <= target.atMost ?? .infinity
        }
        return figure
    }

    /// The report as JSON, keys in alphabetical order.
    package func json() throws(TrainingError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
        } catch {
            throw .user("the figures cannot be written as JSON: \(error)")
        }
    }
}
