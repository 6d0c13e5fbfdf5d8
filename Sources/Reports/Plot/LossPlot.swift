import Foundation

/// training_loss.svg, and training_loss.png where asked for: losses against steps.
package final class LossPlot: TrainingObserver {
    private let folder: String
    private let title: String
    private let writesPNG: Bool
    private var history = RunHistory()

    /// Draws into `folder`; `title` names the run.
    package init(folder: String, title: String, writesPNG: Bool) {
        self.folder = folder
        self.title = title
        self.writesPNG = writesPNG
    }

    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        history = RunHistory(restoredFrom: folder, upToStep: step)
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) { history.add(report) }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        history.add(report)
    }

    package func checkpointBegan(atStep step: Int) throws(ReportError) { try draw() }

    package func runEnded(_ summary: RunSummary) throws(ReportError) { try draw() }

    package func runWasOver(_ totals: RunTotals, withEvaluation: Bool) throws(ReportError) {
        guard !FileManager.default.fileExists(atPath: folder + "/training_loss.svg") else { return }
        try draw()
    }

    /// Draws what is known; nothing before the first logged step.
    package func draw() throws(ReportError) {
        guard let scene = LossScene.scene(of: history, title: title) else { return }
        try ReportFile.write(
            Data(SVGDrawing.text(of: scene).utf8), to: folder + "/training_loss.svg")
        guard writesPNG else { return }
        try ReportFile.write(PNGDrawing.file(of: scene), to: folder + "/training_loss.png")
    }
}

/// Lays out the plot of one number of a run against its steps.
enum LossScene {
    /// A number at a step.
    typealias Point = (step: Int, loss: Double)

    private static let left = 78.0
    private static let top = 52.0
    private static let right = 930.0
    private static let bottom = 500.0
    /// More points than this a curve are thinned: the eye sees no more.
    private static let mostPoints = 1000

    /// The plot, or `nil` when no finite loss has been logged.
    static func scene(of history: RunHistory, title: String) -> PlotScene? {
        scene(of: history.losses, history.evaluationLosses, named: "loss", title: title)
    }

    /// The plot, or `nil` when there is no finite number.
    ///
    /// - Parameters:
    ///   - training: what was logged of steps, and then of evaluations.
    ///   - name: of the number.
    static func scene(
        of training: [Point], _ evaluations: [Point], named name: String, title: String
    ) -> PlotScene? {
        let losses = training.filter(\.loss.isFinite)
        let evaluations = evaluations.filter(\.loss.isFinite)
        let all = losses + evaluations
        guard let firstStep = all.map(\.step).min(), let lastStep = all.map(\.step).max(),
            let least = all.map(\.loss).min(), let most = all.map(\.loss).max()
        else { return nil }
        let steps = PlotAxis(from: Double(firstStep), to: Double(lastStep), isWhole: true)
        let values = PlotAxis(from: least, to: most, isWhole: false)
        func place(_ step: Double, _ loss: Double) -> PlotPoint {
            PlotPoint(
                x: left + (right - left) * steps.position(step),
                y: bottom - (bottom - top) * values.position(loss))
        }

        var scene = PlotScene(width: 960, height: 560)
        drawAxes(&scene, steps, values, named: name)
        let shownTitle = title.count <= 72 ? title : title.prefix(69) + "..."
        scene.add(.text(shownTitle, at: PlotPoint(x: (left + right) / 2, y: 28), size: 17, .middle))

        let raw = losses.map { place(Double($0.step), $0.loss) }
        let smooth = zip(losses, smoothed(losses.map(\.loss))).map { place(Double($0.step), $1) }
        scene.add(.line(thinned(raw), .lightBlue, width: 1.2))
        scene.add(.line(thinned(smooth), .darkBlue, width: 2.4))
        if raw.count == 1 { scene.add(.dot(raw[0], .darkBlue, radius: 3.5)) }
        let held = evaluations.map { place(Double($0.step), $0.loss) }
        scene.add(.line(thinned(held), .orange, width: 1.6))
        if held.count <= 100 { for point in held { scene.add(.dot(point, .orange, radius: 3.5)) } }
        drawLegend(
            &scene, named: name, hasLosses: !losses.isEmpty, hasEvaluations: !evaluations.isEmpty)
        return scene
    }

    /// An exponential moving average as LLaMA-Factory draws it; the longer the run, the smoother:
    /// weight 1.8 · (σ(0.05 · n) − 0.5) for n losses.
    static func smoothed(_ losses: [Double]) -> [Double] {
        guard var last = losses.first else { return [] }
        let weight = 1.8 * (1 / (1 + exp(-0.05 * Double(losses.count))) - 0.5)
        return losses.map { loss in
            last = last * weight + (1 - weight) * loss
            return last
        }
    }

    private static func drawAxes(
        _ scene: inout PlotScene, _ steps: PlotAxis, _ values: PlotAxis, named name: String
    ) {
        for (tick, label) in values.ticks {
            let y = bottom - (bottom - top) * values.position(tick)
            scene.add(
                .line([PlotPoint(x: left, y: y), PlotPoint(x: right, y: y)], .grid, width: 1))
            scene.add(.text(label, at: PlotPoint(x: left - 8, y: y + 5), size: 13, .end))
        }
        for (tick, label) in steps.ticks {
            let x = left + (right - left) * steps.position(tick)
            scene.add(
                .line([PlotPoint(x: x, y: bottom), PlotPoint(x: x, y: bottom + 5)], .ink, width: 1))
            scene.add(.text(label, at: PlotPoint(x: x, y: bottom + 21), size: 13, .middle))
        }
        scene.add(
            .line(
                [
                    PlotPoint(x: left, y: top), PlotPoint(x: left, y: bottom),
                    PlotPoint(x: right, y: bottom),
                ], .ink, width: 1.2))
        scene.add(
            .text("step", at: PlotPoint(x: (left + right) / 2, y: bottom + 44), size: 14, .middle))
        scene.add(.text(name, at: PlotPoint(x: left, y: top - 12), size: 14, .middle))
    }

    private static func drawLegend(
        _ scene: inout PlotScene, named name: String, hasLosses: Bool, hasEvaluations: Bool
    ) {
        var entries: [(String, PlotColour)] = []
        if hasLosses { entries += [(name, .lightBlue), (name + ", smoothed", .darkBlue)] }
        if hasEvaluations { entries.append(("evaluation " + name, .orange)) }
        for (index, (label, colour)) in entries.enumerated() {
            let y = top + 16 + 20 * Double(index)
            let x = right - 186
            scene.add(
                .line([PlotPoint(x: x, y: y), PlotPoint(x: x + 26, y: y)], colour, width: 2.4))
            scene.add(.text(label, at: PlotPoint(x: x + 34, y: y + 5), size: 13, .start))
        }
    }

    /// At most `mostPoints` points, keeping the highest and lowest of each stretch.
    private static func thinned(_ points: [PlotPoint]) -> [PlotPoint] {
        guard points.count > mostPoints else { return points }
        let stretch = (points.count + mostPoints / 2 - 1) / (mostPoints / 2)
        var kept: [PlotPoint] = []
        for start in stride(from: 0, to: points.count, by: stretch) {
            let part = points[start..<min(start + stretch, points.count)]
            guard let high = part.min(by: { $0.y < $1.y }), let low = part.max(by: { $0.y < $1.y })
            else { continue }
            kept += high.x <= low.x ? [high, low] : [low, high]
        }
        return kept
    }
}
