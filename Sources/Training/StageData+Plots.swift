import Reports

extension StageData {
    /// Has a figure drawn beside the loss, on rank 0 of a run that learns.
    ///
    /// - Parameter figure: its name in the log.
    mutating func plot(_ figure: String, _ context: StageContext) {
        let configuration = context.configuration
        guard context.communicator.rank == 0, configuration.method.doTrain,
            let folder = configuration.output.outputDir
        else { return }
        observers.append(
            FigurePlot(
                figure, folder: folder,
                title: configuration.output.runName ?? context.model.description.type,
                writesPNG: configuration.output.plotLoss))
    }
}
