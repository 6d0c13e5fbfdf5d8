package import Configuration
package import Metrics

/// What one optimizer step did, or the average over the steps since the last log line.
package struct StepReport: Sendable, Equatable {
    /// Wall-clock seconds of a step by what they were spent on.
    package struct Seconds: Sendable, Equatable {
        package var data = 0.0
        package var forward = 0.0
        package var backward = 0.0
        /// Waiting for gradients of other ranks.
        package var wait = 0.0
        package var update = 0.0

        package init(
            data: Double = 0, forward: Double = 0, backward: Double = 0, wait: Double = 0,
            update: Double = 0
        ) {
            self.data = data
            self.forward = forward
            self.backward = backward
            self.wait = wait
            self.update = update
        }
    }

    /// Finished optimizer steps, this one included.
    package var step: Int
    package var totalSteps: Int
    package var epoch: Double
    /// Mean loss per target over all ranks.
    package var loss: Double
    package var learningRate: Double
    /// Global L2 norm of the gradients before clipping.
    package var gradNorm: Double
    /// Tokens of this step over all ranks.
    package var tokens: Int
    /// Tokens since step 0 over all ranks, earlier parts of a resumed run included.
    package var totalTokens: Int
    /// Over all ranks.
    package var tokensPerSecond: Double
    /// Model FLOPs utilisation, 0 to 1; `nil` when the machine's peak is not known.
    package var mfu: Double?
    package var seconds: Seconds
    package var stepSeconds: Double
    /// Most memory this process has held, in bytes (VmHWM).
    package var peakMemoryBytes: Int
    /// `nil` without loss scaling.
    package var lossScale: Double?
    /// What the processor packages of all hosts whose counters can be read have used since the report
    /// before; `nil` where there are none.
    package var energyJoules: Double?
    /// Whether the gradients were not finite and no parameter changed.
    package var isSkipped: Bool
    /// What the objective tells besides the loss, over all ranks.
    package var figures: [Figure]
    /// Seconds this process has trained.
    package var elapsed: Double
    /// Estimated seconds to the last step.
    package var remaining: Double

    package init(
        step: Int, totalSteps: Int, epoch: Double, loss: Double, learningRate: Double,
        gradNorm: Double, tokens: Int, totalTokens: Int, tokensPerSecond: Double,
        mfu: Double? = nil, seconds: Seconds = Seconds(), stepSeconds: Double,
        peakMemoryBytes: Int = 0, lossScale: Double? = nil, energyJoules: Double? = nil,
        isSkipped: Bool = false,
        figures: [Figure] = [], elapsed: Double, remaining: Double
    ) {
        self.step = step
        self.totalSteps = totalSteps
        self.epoch = epoch
        self.loss = loss
        self.learningRate = learningRate
        self.gradNorm = gradNorm
        self.tokens = tokens
        self.totalTokens = totalTokens
        self.tokensPerSecond = tokensPerSecond
        self.mfu = mfu
        self.seconds = seconds
        self.stepSeconds = stepSeconds
        self.peakMemoryBytes = peakMemoryBytes
        self.lossScale = lossScale
        self.energyJoules = energyJoules
        self.isSkipped = isSkipped
        self.figures = figures
        self.elapsed = elapsed
        self.remaining = remaining
    }
}

/// What trying the held-out samples gave.
package struct EvaluationReport: Sendable, Equatable {
    package var step: Int
    package var totalSteps: Int
    package var epoch: Double
    /// Mean loss per target over all held-out samples and ranks.
    package var loss: Double
    /// Where the loss is a cross-entropy of tokens.
    package var perplexity: Double?
    /// What else was asked for: accuracy, likeness of generated texts.
    package var figures: [Figure]
    /// What is written of the samples.
    package var files: [PredictionFile]
    package var samples: Int
    /// Batches over all ranks.
    package var batches: Int
    /// Seconds the evaluation took.
    package var runtime: Double
    /// The best of the run, this evaluation included; `nil` when no best is kept.
    package var best: BestMetric?
    /// Seconds this process has trained.
    package var elapsed: Double
    /// Estimated seconds to the last step.
    package var remaining: Double

    package init(
        step: Int, totalSteps: Int, epoch: Double, loss: Double, perplexity: Double? = nil,
        figures: [Figure] = [], files: [PredictionFile] = [], samples: Int, batches: Int,
        runtime: Double, best: BestMetric? = nil, elapsed: Double, remaining: Double
    ) {
        self.step = step
        self.totalSteps = totalSteps
        self.epoch = epoch
        self.loss = loss
        self.perplexity = perplexity
        self.figures = figures
        self.files = files
        self.samples = samples
        self.batches = batches
        self.runtime = runtime
        self.best = best
        self.elapsed = elapsed
        self.remaining = remaining
    }
}

extension EvaluationReport {
    /// Whether no evaluation before was as good.
    package var isBest: Bool { best?.step == step }
}

/// A finished run.
package struct RunSummary: Sendable, Equatable {
    package var step: Int
    package var epoch: Double
    /// Mean of the steps' losses since this process began.
    package var loss: Double
    /// Seconds this process trained.
    package var runtime: Double
    /// Samples and steps of this process.
    package var samples: Int
    package var steps: Int
    package var totalTokens: Int
    /// Floating-point operations of the model since step 0.
    package var totalFLOPs: Double
    /// What the hosts' processor packages used while this process trained; `nil` where no counter can be
    /// read.
    package var energyJoules: Double?

    package init(
        step: Int, epoch: Double, loss: Double, runtime: Double, samples: Int, steps: Int,
        totalTokens: Int, totalFLOPs: Double, energyJoules: Double? = nil
    ) {
        self.step = step
        self.epoch = epoch
        self.loss = loss
        self.runtime = runtime
        self.samples = samples
        self.steps = steps
        self.totalTokens = totalTokens
        self.totalFLOPs = totalFLOPs
        self.energyJoules = energyJoules
    }
}
