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
        ] + monitors(folder) + stage.observers
    }

    /// What other programs watch the run by.
    private func monitors(_ folder: String) -> [any TrainingObserver] {
        let output = configuration.output
        var monitors: [any TrainingObserver] = []
        if output.writesEvents {
            let host = communicator.hostName
            let standard = TensorBoardLog.standardFolder(of: folder, host: host, at: Date())
            monitors.append(
                TensorBoardLog(
                    folder: output.loggingDir ?? standard, host: host,
                    configuration: configuration))
        }
        if let path = output.metricsFile {
            monitors.append(MetricsFile(path, run: output.runName ?? folder))
        }
        return monitors
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
