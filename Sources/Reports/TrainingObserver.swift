package import Metrics

/// Someone who watches a run from rank 0: a terminal, a log file, a plot.
///
/// Observers change nothing about the run. When one fails, the run tells so and goes on.
package protocol TrainingObserver: AnyObject {
    /// The first step is about to begin, after `step` finished ones of a resumed run.
    func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError)
    /// Every step, before its log line if it has one.
    func stepFinished(_ report: StepReport) throws(ReportError)
    /// A step that is logged; `report` averages the steps since the last log line.
    func stepLogged(_ report: StepReport) throws(ReportError)
    func evaluationFinished(_ report: EvaluationReport) throws(ReportError)
    /// A line for the user: a checkpoint saved, a step skipped.
    func noted(_ line: String) throws(ReportError)
    /// The files of reports should hold all that is known now; a checkpoint is being written.
    func checkpointBegan(atStep step: Int) throws(ReportError)
    func runEnded(_ summary: RunSummary) throws(ReportError)
    /// The run was over before this process began: reports that are missing can be made of what is known.
    ///
    /// - Parameter withEvaluation: whether the last evaluation of the run is that of the model as it is kept, which
    ///   is not tried again.
    func runWasOver(_ totals: RunTotals, withEvaluation: Bool) throws(ReportError)
    /// The model as it is kept was tried, after training or without any.
    func modelEvaluated(_ report: EvaluationReport) throws(ReportError)
    /// What the model as it is kept says of held-out samples; some were left out where there is no
    /// summary.
    func modelPredicted(
        _ file: PredictionFile, _ summary: PredictionSummary?) throws(ReportError)
}

extension TrainingObserver {
    package func runBegan(atStep step: Int, of totalSteps: Int) throws(ReportError) {}
    package func stepFinished(_ report: StepReport) throws(ReportError) {}
    package func stepLogged(_ report: StepReport) throws(ReportError) {}
    package func evaluationFinished(_ report: EvaluationReport) throws(ReportError) {}
    package func noted(_ line: String) throws(ReportError) {}
    package func checkpointBegan(atStep step: Int) throws(ReportError) {}
    package func runEnded(_ summary: RunSummary) throws(ReportError) {}
    package func runWasOver(
        _ totals: RunTotals, withEvaluation: Bool
    ) throws(ReportError) {}
    package func modelEvaluated(_ report: EvaluationReport) throws(ReportError) {}
    package func modelPredicted(
        _ file: PredictionFile, _ summary: PredictionSummary?
    ) throws(ReportError) {}
}

/// A report that could not be written or read.
package enum ReportError: Error, Equatable, CustomStringConvertible {
    case write(file: String, reason: String)
    case read(file: String, reason: String)

    package var description: String {
        switch self {
        case .write(let file, let reason):
            "cannot write '\(file)': \(reason); the run goes on without it"
        case .read(let file, let reason):
            "cannot read '\(file)': \(reason); its earlier lines are left out"
        }
    }
}
