import Distributed
import Evaluation
import Metrics
import Reports

// What observers are told.
extension TrainingRun {
    /// - Parameter parts: where the seconds before the first pass went, where that was more than reading.
    func report(
        of outcome: StepOutcome, dataSeconds: Double, parts: [(name: String, value: Double)],
        seconds: Double
    ) -> StepReport {
        let plan = session.plan
        let laps = parts.isEmpty ? [] : parts + [("update", seconds - dataSeconds)]
        let rate = outcome.tokens / seconds
        let operations = session.objective.operationsPerToken(
            length: session.configuration.data.cutoffLen)
        let perRank = rate / Double(session.communicator.size)
        return StepReport(
            step: progress.step, totalSteps: plan.totalSteps,
            epoch: progress.epoch, loss: outcome.loss,
            learningRate: outcome.learningRate, gradNorm: outcome.gradientNorm,
            tokens: Int(outcome.tokens), totalTokens: progress.tokensSeen,
            tokensPerSecond: rate, mfu: peak.map { perRank * operations / $0 },
            seconds: StepReport.Seconds(
                data: dataSeconds, forward: outcome.seconds.forward,
                backward: outcome.seconds.backward, wait: outcome.seconds.wait,
                update: outcome.seconds.update),
            stepSeconds: seconds, peakMemoryBytes: Machine.peakMemory(),
            lossScale: outcome.lossScale, energyJoules: outcome.energy,
            isSkipped: !outcome.isApplied,
            figures: outcome.figures.map { Figure(name: $0.name, value: $0.value) }
                + laps.map { Figure(name: "seconds/" + $0.name, value: $0.value) },
            elapsed: elapsed, remaining: remaining)
    }

    func report(of outcome: EvaluationOutcome, seconds: Double) -> EvaluationReport {
        EvaluationReport(
            step: progress.step, totalSteps: session.plan.totalSteps,
            epoch: progress.epoch, loss: outcome.loss, perplexity: outcome.perplexity,
            figures: outcome.figures, files: outcome.files,
            samples: session.data.evaluation.reduce(0) { $0 + $1.samples.count },
            batches: outcome.batches, runtime: seconds, best: best, elapsed: elapsed,
            remaining: remaining)
    }

    /// Tells what the whole run came to.
    func finishReports() {
        let plan = session.plan
        guard progress.steps > 0 else {
            // The reports of the process that made the steps stand.
            observers.note(
                "nothing is left to do: the run ended at step \(progress.step) of "
                    + "\(plan.totalSteps)")
            makeMissingReports()
            return
        }
        let summary = RunSummary(
            step: progress.step, epoch: progress.epoch,
            loss: progress.meanLoss, runtime: elapsed,
            samples: progress.steps * plan.globalBatch, steps: progress.steps,
            totalTokens: progress.tokensSeen,
            totalFLOPs: totalFLOPs, energyJoules: progress.energy)
        observers.tell { try $0.runEnded(summary) }
    }

    private var totalFLOPs: Double {
        Double(progress.tokensSeen)
            * session.objective.operationsPerToken(length: session.configuration.data.cutoffLen)
    }

    /// Makes the reports that a process which made the last step was ended before it wrote them.
    private func makeMissingReports() {
        guard session.communicator.rank == 0,
            let folder = session.configuration.output.outputDir
        else { return }
        let missing = ResultsFiles.missing(in: folder)
        let totals = RunTotals(
            step: progress.step, epoch: progress.epoch, totalTokens: progress.tokensSeen,
            totalFLOPs: totalFLOPs)
        // With do_eval the model is tried where that is missing.
        let isLast = !session.configuration.method.doEval || lastEvaluated == progress.step
        observers.tell { try $0.runWasOver(totals, withEvaluation: isLast) }
        let left = ResultsFiles.missing(in: folder)
        let made = missing.filter { !left.contains($0) }
        guard !made.isEmpty else { return }
        observers.note(
            "\(made.joined(separator: ", ")): missing, made of the checkpoint and \(TrainerLogFile.fileName); the "
                + "times and the mean loss of the steps are not known any more")
    }

    /// Whether rank 0's folder has the figures of the model as a run that was over before kept it.
    var isEvaluationReported: Bool {
        guard session.communicator.rank == 0,
            let folder = session.configuration.output.outputDir
        else { return true }
        return !ResultsFiles.missing(in: folder).contains(ResultsFiles.evaluationFile)
    }
}
