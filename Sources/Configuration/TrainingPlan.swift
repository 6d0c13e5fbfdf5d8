package import Optimizers

/// How many steps a run takes, and what happens at which.
///
/// Steps are counted from 1 where they name a finished optimizer step. An epoch ends with a step of its own, which may
/// have fewer samples.
package struct TrainingPlan: Sendable, Equatable {
    package let samples: Int
    /// Samples of one optimizer step over all ranks and micro-batches.
    package let globalBatch: Int
    package let stepsPerEpoch: Int
    package let totalSteps: Int
    package let warmupSteps: Int
    /// `nil` when nothing is logged, evaluated or saved by steps.
    package let loggingInterval: Int?
    package let evaluationInterval: Int?
    package let savingInterval: Int?
    let logsFirstStep: Bool
    /// The first step after which the model is evaluated.
    let firstEvaluation: Int
    /// Whether a checkpoint is written after each best evaluation.
    let savesBest: Bool

    /// Plans a run of `configuration` over `samples` training samples on `ranks` ranks.
    package init(samples: Int, ranks: Int, configuration: RunConfiguration) {
        let train = configuration.train
        precondition(samples > 0 && ranks > 0, "plan: \(samples) samples on \(ranks) ranks")
        self.samples = samples
        globalBatch = train.globalBatch(ranks: ranks)
        let left = configuration.samplesLeftOut(of: samples, ranks: ranks)
        let stepsPerEpoch = max(1, (samples - left - 1) / globalBatch + 1)
        self.stepsPerEpoch = stepsPerEpoch
        let total = train.maxSteps ?? Self.steps(train.numTrainEpochs * Double(stepsPerEpoch))
        totalSteps = total
        warmupSteps = train.warmup.resolved(of: total)

        func interval(_ strategy: OutputSection.Strategy, _ count: StepCount) -> Int? {
            switch strategy {
            case .no, .best: nil
            case .steps: max(1, count.resolved(of: total))
            case .epoch: stepsPerEpoch
            }
        }
        let output = configuration.output
        let evaluation = configuration.evaluation
        loggingInterval = interval(output.loggingStrategy, output.loggingSteps)
        evaluationInterval = interval(evaluation.evalStrategy, evaluation.evalSteps)
        savingInterval = interval(output.saveStrategy, output.saveSteps)
        logsFirstStep = output.loggingFirstStep
        savesBest = output.saveStrategy == .best || evaluation.loadBestModelAtEnd
        firstEvaluation = Self.steps(
            evaluation.evalDelay * (evaluation.evalStrategy == .epoch ? Double(stepsPerEpoch) : 1))
    }

    /// Steps beyond it are not told apart by a double; no run comes near.
    package static let mostSteps = 1 << 53

    /// A number of steps, rounded up.
    package static func steps(_ number: Double) -> Int {
        Int(min(number.rounded(.up), Double(mostSteps)))
    }

    /// Epochs done after `step` steps.
    package func epoch(afterStep step: Int) -> Double {
        Double(step) / Double(stepsPerEpoch)
    }

    /// Whether `step` is logged; the last always is, unless logging is off.
    package func logs(atStep step: Int) -> Bool {
        (step == 1 && logsFirstStep) || isDue(step, loggingInterval)
    }

    /// Whether the held-out samples are tried after `step`; after the last step too.
    package func evaluates(atStep step: Int) -> Bool {
        isDue(step, evaluationInterval) && (step >= firstEvaluation || step == totalSteps)
    }

    /// Whether a checkpoint is written after `step`, whatever an evaluation says; after the last
    /// step too.
    package func saves(atStep step: Int) -> Bool { isDue(step, savingInterval) }

    /// Whether a checkpoint is written after `step`.
    ///
    /// - Parameter best: the step of the best evaluation so far.
    package func saves(atStep step: Int, best: Int?) -> Bool {
        saves(atStep: step) || (savesBest && best == step)
    }

    private func isDue(_ step: Int, _ interval: Int?) -> Bool {
        guard let interval else { return false }
        return step % interval == 0 || step == totalSteps
    }
}

extension RunConfiguration {
    /// Samples at an epoch's end that no step takes: with dataloader_drop_last those of a micro-batch that not all ranks
    /// can fill. transformers leaves out that micro-batch, not a step that has fewer of them.
    package func samplesLeftOut(of samples: Int, ranks: Int) -> Int {
        let batch = train.perDeviceTrainBatchSize * ranks
        return data.dropLast && samples > batch ? samples % batch : 0
    }

    /// The learning-rate schedule of this run.
    package func schedule(_ plan: TrainingPlan) -> any Schedule {
        train.schedule.schedule(
            learningRate: train.learningRate, warmupSteps: plan.warmupSteps,
            totalSteps: plan.totalSteps, options: train.scheduleOptions)
    }
}
