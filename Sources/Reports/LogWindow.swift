import Metrics

/// Averages the steps between two log lines, as Hugging Face's trainer logs them.
///
/// The loss, figures, times, MFU and rate of tokens are means over the window; tokens and energy are its sums; all else
/// is the last step's. Skipped steps have no loss to average: while there are others, their losses
/// are left out.
package struct LogWindow: Sendable {
    private var reports: [StepReport] = []

    package init() {}

    /// Adds a step.
    package mutating func add(_ report: StepReport) { reports.append(report) }

    /// The average of the steps since the last call; `nil` if there were none.
    package mutating func take() -> StepReport? {
        guard var average = reports.last else { return nil }
        defer { reports.removeAll(keepingCapacity: true) }
        let count = Double(reports.count)
        func mean(_ value: (StepReport) -> Double) -> Double {
            reports.reduce(0) { $0 + value($1) } / count
        }
        let sound = reports.filter { !$0.isSkipped }
        if !sound.isEmpty {
            average.loss = sound.reduce(0) { $0 + $1.loss } / Double(sound.count)
        }
        average.figures = Self.means(sound.isEmpty ? reports : sound)
        average.tokens = reports.reduce(0) { $0 + $1.tokens }
        let energies = reports.compactMap(\.energyJoules)
        average.energyJoules = energies.isEmpty ? nil : energies.reduce(0, +)
        average.stepSeconds = mean(\.stepSeconds)
        average.seconds.data = mean(\.seconds.data)
        average.seconds.forward = mean(\.seconds.forward)
        average.seconds.backward = mean(\.seconds.backward)
        average.seconds.wait = mean(\.seconds.wait)
        average.seconds.update = mean(\.seconds.update)
        let total = average.stepSeconds * count
        if total > 0 { average.tokensPerSecond = Double(average.tokens) / total }
        let utilisations = reports.compactMap(\.mfu)
        if utilisations.count == reports.count {
            average.mfu = utilisations.reduce(0, +) / count
        }
        average.isSkipped = sound.isEmpty
        return average
    }

    /// Means of the figures, each over the steps that have it.
    private static func means(_ reports: [StepReport]) -> [Figure] {
        var order: [String] = []
        var values: [String: [Double]] = [:]
        for figure in reports.flatMap(\.figures) {
            if values[figure.name] == nil { order.append(figure.name) }
            values[figure.name, default: []].append(figure.value)
        }
        return order.map { name in
            let found = values[name] ?? []
            return Figure(name: name, value: found.reduce(0, +) / Double(found.count))
        }
    }
}
