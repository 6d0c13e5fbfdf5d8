import Checkpoints
import Configuration
import Distributed
import Evaluation
import Foundation
import Metrics
import Objectives
import Optimizers
package import Reports

/// How a run ended.
package enum RunEnd: Sendable, Equatable {
    case finished
    /// Asked to stop after this step, perhaps in the middle of the next.
    case stopped(step: Int, isUnfinished: Bool, saved: Saved)

    /// What a stopped run keeps.
    package enum Saved: Sendable, Equatable {
        /// A checkpoint of the step is there.
        case checkpoint
        /// No step has been finished.
        case nothingToSave
        /// The run saves none (`save_strategy: no`).
        case none
        /// What was to be learned is learned, but the evaluation or the predictions after it are
        /// not finished; so many predictions are written.
        case predictions(Int)
    }
}

/// A run from its first step to its end: steps, evaluations, checkpoints, reports.
package final class TrainingRun {
    let session: TrainingSession
    let observers: ObserverList
    private let stop: StopRequest
    private let faults: [FaultInjection]
    private var slowed = SlowedPasses()
    /// `nil` where ranks take equal shares.
    private let balancer: StepBalancer?
    private let saver: CheckpointSaver
    private(set) var progress: RunProgress
    private var schedule: any Schedule
    private var memory: RunMemory
    private(set) var best: BestMetric?
    private var earlyStopping: EarlyStopping?
    private var window = LogWindow()
    /// The step at which the model as it is was evaluated.
    private(set) var lastEvaluated: Int?
    let peak: Double?
    private let begun = ContinuousClock.now

    /// - Parameters:
    ///   - observers: of rank 0; empty on the other ranks.
    ///   - stop: what asks the run to stop early.
    package init(
        _ session: TrainingSession, observers: [any TrainingObserver], stop: StopRequest
    ) throws(TrainingError) {
        self.session = session
        self.observers = ObserverList(observers)
        self.stop = stop
        let configuration = session.configuration
        var faults: [FaultInjection] = []
        do {
            for text in configuration.train.faultInjection {
                faults.append(try FaultInjection(parsing: text))
            }
        } catch {
            throw .communication(error)
        }
        self.faults = faults
        balancer = StepBalancer(configuration, over: session.communicator)
        saver = CheckpointSaver(session)
        progress = RunProgress(session.resumed, session.plan)
        let memory = session.resumed?.memory ?? RunMemory()
        self.memory = memory
        schedule = configuration.schedule(session.plan)
        if let remembered = memory.schedule { schedule.memory = remembered }
        best = configuration.bestMetric.map {
            BestMetric(
                name: $0.name, greaterIsBetter: $0.greaterIsBetter, value: memory.bestValue,
                step: memory.bestStep)
        }
        earlyStopping = configuration.earlyStopping.map {
            EarlyStopping(
                patience: $0.patience, evaluationsWithoutBest: memory.evaluationsWithoutBest)
        }
        guard configuration.method.doTrain else {
            peak = 1
            return
        }
        let type = session.loop.store.computeType
        if let given = configuration.compute.peakGFLOPS {
            peak = given * 1e9
        } else {
            let products = MachineMeasurement.matrixProducts(
                type == .float16 ? .float32 : type, in: session.workspace)
            peak = products.wasBusy ? nil : products.operations
        }
        // What setting up and measuring took is of no use to the steps.
        session.workspace.pool.trim()
    }

    /// Trains until the last step, or until asked to stop, then tries the model as told.
    /// Collective.
    package func run() throws(TrainingError) -> RunEnd {
        defer { session.lock?.release() }
        do {
            for note in session.notes { observers.note(note) }
            if peak == nil { observers.note(MachineMeasurement.busyNote) }
            var end = session.configuration.method.doTrain ? try train() : .finished
            if end == .finished { end = try evaluateAndPredict() }
            session.heartbeat.stop()
            return end
        } catch {
            session.heartbeat.stop(failed: true)
            throw error
        }
    }

    private func train() throws(TrainingError) -> RunEnd {
        let plan = session.plan
        saver.clear(observers)
        if let note = progress.note { observers.note(note) }
        observers.tell { try $0.runBegan(atStep: self.progress.step, of: plan.totalSteps) }
        let start = StepStart(
            partition: session.partition(balancer?.shares), samples: progress.samplesConsumed,
            rows: memory.rows,
            stepped: { [unowned self] in
                session.heartbeat.enter(.dataLoad, step: progress.step + 1)
            })
        guard let stream = session.stage.steps(start) else {
            return .finished
        }
        defer { stream.stop() }
        var isStopping = earlyStopping?.isOver ?? false
        let evaluatesFirst = progress.step == 0 && session.configuration.evaluation.evalOnStart
        if evaluatesFirst || memory.owesEvaluation == true {
            isStopping = try evaluate() || isStopping
            if memory.owesEvaluation == true { return try leave(isUnfinished: false) }
        }
        while progress.step < plan.totalSteps, !isStopping {
            let outcome = try step(stream)
            if outcome.isAbandoned { return try leave(isUnfinished: true) }
            if outcome.cannotSave {
                saver.tell(observers)
                throw .cannotSave(step: progress.step, cause: saver.cause)
            }
            var endsEarly = false
            if plan.evaluates(atStep: progress.step) { endsEarly = try evaluate() }
            let wasLeft = memory.owesEvaluation == true
            isStopping = outcome.stopRequested || endsEarly || wasLeft
            let isLast = isStopping || progress.step == plan.totalSteps
            if plan.saves(atStep: progress.step, best: best?.step) || (isLast && saver.isEnabled) {
                try save()
            }
            saver.tell(observers)
            if endsEarly { observers.note("stopped early: no better evaluation was found") }
            let isRequested = outcome.stopRequested && progress.step < plan.totalSteps
            if (isRequested && !endsEarly) || wasLeft {
                return try leave(isUnfinished: false)
            }
        }
        try saver.finish(observers)
        try loadBest()
        let problem = try saver.writeModel(observers)
        tellRows(stream)
        _ = observers.takeFailure()
        finishReports()
        try agree(isWritten: problem ?? observers.takeFailure())
        return .finished
    }

    /// Saves what there is and ends the run where it is. Collective.
    private func leave(isUnfinished: Bool) throws(TrainingError) -> RunEnd {
        if progress.steps > 0 { try save() }
        try saver.finish(observers)
        if progress.steps > 0 { finishReports() }
        let saved: RunEnd.Saved =
            progress.step == 0 ? .nothingToSave : saver.isEnabled ? .checkpoint : .none
        return .stopped(step: progress.step, isUnfinished: isUnfinished, saved: saved)
    }

    /// Stops on all ranks where rank 0 could not write what a finished run leaves. Collective.
    private func agree(isWritten problem: String?) throws(TrainingError) {
        do throws(CommunicationError) {
            try session.communicator.agree(on: problem)
        } catch {
            guard case .agreed(let cause, _, _) = error else { throw .communication(error) }
            throw .cannotFinish(
                step: progress.step, cause: cause,
                advice: session.configuration.output.adviceToGoOn)
        }
    }

    /// Evaluates and predicts with the model as it is kept, where that was asked for.
    private func evaluateAndPredict() throws(TrainingError) -> RunEnd {
        let method = session.configuration.method
        var isKnown = method.doTrain && lastEvaluated == progress.step
        // A run that was over before this process began may have been ended before it was tried.
        if method.doEval, method.doTrain, !isKnown, progress.steps == 0 {
            isKnown = try agreed(isEvaluationReported ? 1 : 0) > 0
        }
        if method.doEval, !isKnown {
            var clock = LapClock()
            if let outcome = try session.evaluate(
                atStep: progress.step, leaves: { self.stop.isSet })
            {
                if outcome.isLeft { return leftTrial(predictions: 0) }
                let report = report(of: outcome, seconds: clock.lap())
                observers.tell { try $0.modelEvaluated(report) }
            }
        }
        if method.doPredict,
            let found = try session.predict(
                atStep: progress.step, leaves: { self.stop.isSet })
        {
            let isLeft = found.summary == nil
            for file in found.further { observers.tell { try $0.modelPredicted(file, nil) } }
            observers.tell { try $0.modelPredicted(found.file, found.summary) }
            let folder = session.configuration.output.outputDir ?? "."
            observers.note(
                (isLeft ? "the predictions made so far are in " : "the predictions are in ")
                    + "\(folder)/\(found.file.name)")
            if isLeft {
                try agree(isWritten: observers.takeFailure())
                return leftTrial(predictions: found.file.count)
            }
        }
        try agree(isWritten: observers.takeFailure())
        return .finished
    }

    private func leftTrial(predictions: Int) -> RunEnd {
        .stopped(step: progress.step, isUnfinished: false, saved: .predictions(predictions))
    }

    /// Tells what became of rows that were read while training.
    private func tellRows(_ stream: any StepSource) {
        for line in stream.rows?.report.lines ?? [] { observers.note(line) }
    }

    private func step(_ stream: any StepSource) throws(TrainingError) -> StepOutcome {
        let number = progress.step + 1
        let rank = session.communicator.rank
        for fault in faults { fault.strike(rank: rank, step: number) }
        let isSlowed = faults.contains { $0.slows(rank: rank, step: number) }
        session.heartbeat.enter(.dataLoad, step: number)
        var clock = LapClock()
        let task: any StepTask
        do {
            task = try stream.next()
        } catch {
            error.endIfAlone(session.communicator, step: number)
            throw .corpus(error)
        }
        let dataSeconds = clock.lap()
        session.heartbeat.enter(.forward, step: number)
        let before = progress.lastStepSeconds
        var passes = 0
        let outcome = try session.loop.step(
            task, number: number, learningRate: schedule.rate(step: number - 1),
            stopRequested: { stop.isSet }, cannotSave: saver.fails,
            leaves: { done, total in
                passes = total
                if isSlowed { Thread.sleep(forTimeInterval: slowed.delay()) }
                return stop.leavesStep(
                    done: done, of: total, seconds: clock.seconds, before: before)
            })
        let seconds = dataSeconds + clock.lap()
        if outcome.isAbandoned { return outcome }
        slowed.stepEnded(passes: passes, seconds: outcome.seconds.passes)
        progress.advance(outcome, samples: stream.position, seconds: seconds)
        let change = try balancer?.stepEnded(
            number, tokens: task.tokens, seconds: outcome.seconds.passes, at: stream.position)
        if let change { observers.note(change) }
        memory.rows = stream.rows?.position
        guard rank == 0 else { return outcome }
        let report = report(
            of: outcome, dataSeconds: dataSeconds, parts: stream.seconds, seconds: seconds)
        window.add(report)
        observers.tell { try $0.stepFinished(report) }
        if !outcome.isApplied {
            let scale = session.loop.lossScale.map { ", loss scale now \($0.scale)" } ?? ""
            observers.note(
                "step \(number) skipped on all ranks: loss \(outcome.loss), gradient norm "
                    + "\(outcome.gradientNorm)\(scale)")
        }
        if session.plan.logs(atStep: number), let average = window.take() {
            observers.tell { try $0.stepLogged(average) }
        }
        return outcome
    }

    /// Tries the held-out samples and says whether the run should end for want of progress.
    @discardableResult
    private func evaluate() throws(TrainingError) -> Bool {
        var clock = LapClock()
        memory.owesEvaluation = nil
        let outcome = try session.evaluate(
            atStep: progress.step, leaves: { progress.steps > 0 && stop.isSet || stop.isRequested })
        guard let outcome else { return false }
        if outcome.isLeft {
            memory.owesEvaluation = true
            return false
        }
        let seconds = clock.lap()
        lastEvaluated = progress.step
        let value = try agreed(best.map { outcome.value(of: $0.name) } ?? outcome.loss)
        // As in Hugging Face's Trainer, what comes before the first step does not count, nor has it a
        // checkpoint.
        let counts = progress.step > 0
        if counts { schedule.takeNote(of: value) }
        memory.schedule = schedule.memory
        let isBest = counts ? best?.update(value, step: progress.step) : nil
        memory.bestValue = best?.value
        memory.bestStep = best?.step
        let endsEarly = isBest.map { earlyStopping?.update(isBest: $0) ?? false } ?? false
        memory.evaluationsWithoutBest = earlyStopping?.evaluationsWithoutBest ?? 0
        let report = report(of: outcome, seconds: seconds)
        observers.tell { try $0.evaluationFinished(report) }
        return endsEarly
    }

    /// Rank 0's value of a metric, by which all ranks decide. Collective.
    private func agreed(_ value: Double) throws(TrainingError) -> Double {
        var values = [value]
        do {
            try session.communicator.broadcast(&values, from: 0)
        } catch {
            throw .communication(error)
        }
        return values[0]
    }

    private func save() throws(TrainingError) {
        guard saver.isEnabled else { return }
        session.heartbeat.enter(.saving, step: progress.step)
        observers.tell { try $0.checkpointBegan(atStep: self.progress.step) }
        let known = session.objective.memory
        memory.objective = known.isEmpty ? nil : known
        try saver.save(progress, memory: memory, best: best?.step)
    }

    /// Takes the weights of the best checkpoint, where the run was told to. Where that cannot be read, as when someone
    /// has removed it, the model keeps those of the last step: it is not lost. Collective.
    private func loadBest() throws(TrainingError) {
        guard session.configuration.evaluation.loadBestModelAtEnd, let step = best?.step,
            step != progress.step
        else { return }
        var state: TrainingState?
        var problem: CheckpointError?
        if session.communicator.rank == 0 {
            do throws(CheckpointError) {
                state = try session.store.open(step: step).state(modelOnly: true)
            } catch {
                problem = error
            }
        }
        guard try agreed(problem == nil ? 1 : 0) > 0 else {
            observers.note(
                "the best checkpoint, of step \(step), cannot be read (\(problem.map { "\($0)" } ?? "")): "
                    + "the model keeps the weights of step \(progress.step)")
            return
        }
        try session.loop.restoreArrays(state, moments: false)
        lastEvaluated = nil
        observers.note("took the best checkpoint's weights, of step \(step)")
    }

    var elapsed: Double { (ContinuousClock.now - begun) / .seconds(1) }

    var remaining: Double {
        let left = session.plan.totalSteps - progress.step
        return progress.steps == 0 ? 0 : elapsed / Double(progress.steps) * Double(left)
    }
}
