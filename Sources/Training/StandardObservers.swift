import Configuration
import Foundation
package import Reports

extension TrainingSession {
    /// The observers of an ordinary run: terminal, log, results and plot. For rank 0.
    package func standardObservers() -> [any TrainingObserver] {
        let terminal = TerminalProgress(
            .file(.standardError), usesBar: !configuration.output.disableProgressBar)
        guard let folder = configuration.output.outputDir else { return [terminal] }
        guard configuration.method.doTrain else {
            return [
                terminal, ResultsFiles(folder: folder, state: TrainerState(configuration, plan)),
            ]
        }
        if resumed == nil, configuration.output.overwriteOutputDir { clearReports(folder) }
        let state = TrainerState(configuration, plan, best: bestMetric)
        return [
            terminal, TrainerLogFile(folder: folder), ResultsFiles(folder: folder, state: state),
            LossPlot(
                folder: folder, title: configuration.output.runName ?? setup.model.description.type,
                writesPNG: configuration.output.plotLoss),
        ] + stage.observers
    }

    /// The metric of the best checkpoint, with what the resumed one remembers.
    private var bestMetric: BestMetric? {
        configuration.bestMetric.map {
            BestMetric(
                name: $0.name, greaterIsBetter: $0.greaterIsBetter,
                value: resumed?.memory.bestValue, step: resumed?.memory.bestStep)
        }
    }

    /// Removes the reports of an earlier run that this one replaces.
    private func clearReports(_ folder: String) {
        for name in [TrainerLogFile.fileName, TrainerState.fileName, CompletionsFile.fileName] {
            try? FileManager.default.removeItem(atPath: folder + "/" + name)
        }
    }
}
