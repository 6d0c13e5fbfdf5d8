import Files
import Foundation

/// training_NAME.svg, and training_NAME.png where asked for: a figure of a run against its steps, as
/// training_loss.svg shows the loss.
package final class FigurePlot: TrainingObserver {
    private let figure: String
    private let folder: String
    private let title: String
    private let writesPNG: Bool
    private var training: [LossScene.Point] = []
    private var evaluations: [LossScene.Point] = []

    /// - Parameters:
    ///   - figure: its name in trainer_log.jsonl; with `eval_` before it, of evaluations.
    ///   - folder: of the run.
    ///   - title: names the run.
    package init(_ figure: String, folder: String, title: String, writesPNG: Bool) {
        self.figure = figure
        self.folder = folder
        self.title = title
        self.writesPNG = writesPNG
    }

    /// Takes the earlier steps of a run that goes on from its log.
    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {
        (training, evaluations) = ([], [])
        guard step > 0,
            let log = FileManager.default.contents(
                atPath: folder + "/" + TrainerLogFile.fileName)
        else { return }
        for line in log.split(separator: UInt8(ascii: "\n")) {
            guard let line = try? JSONValueReader.read([UInt8](line)[...]),
                let number = line["current_steps"]?.integer, number <= step
            else { continue }
            if let value = line[figure]?.double { training.append((number, value)) }
            if let value = line["eval_" + figure]?.double { evaluations.append((number, value)) }
        }
    }

    package func stepLogged(_ report: StepReport) throws(ReportError) {
        guard let value = report.figures.first(where: { $0.name == figure })?.value else { return }
        training.append((report.step, value))
    }

    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {
        guard let value = report.figures.first(where: { $0.name == figure })?.value else { return }
        evaluations.append((report.step, value))
    }

    package func checkpointBegan(atStep step: Int) throws(ReportError) { try draw() }

    package func runEnded(_ summary: RunSummary) throws(ReportError) { try draw() }

    private func draw() throws(ReportError) {
        guard
            let scene = LossScene.scene(of: training, evaluations, named: figure, title: title)
        else { return }
        let path = "\(folder)/training_\(figure.replacing("/", with: "_"))"
        try ReportFile.write(Data(SVGDrawing.text(of: scene).utf8), to: path + ".svg")
        guard writesPNG else { return }
        try ReportFile.write(PNGDrawing.file(of: scene), to: path + ".png")
    }
}
