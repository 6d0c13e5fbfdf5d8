import Configuration
import Foundation
import Reports

/// A step of a made-up run whose figures all follow from its number.
func stepReport(
    _ step: Int, of total: Int = 100, loss: Double? = nil, isSkipped: Bool = false
) -> StepReport {
    StepReport(
        step: step, totalSteps: total, epoch: Double(step) / 50,
        loss: loss ?? 8 / (1 + Double(step) / 10), learningRate: 1e-4 * Double(step),
        gradNorm: 1.25, tokens: 512, totalTokens: 512 * step, tokensPerSecond: 1024,
        mfu: 0.456,
        seconds: .init(data: 0.01, forward: 0.15, backward: 0.3, wait: 0.02, update: 0.02),
        stepSeconds: 0.5, peakMemoryBytes: 3 << 30, isSkipped: isSkipped,
        elapsed: 0.5 * Double(step), remaining: 0.5 * Double(total - step))
}

/// An evaluation after a step of the same run.
func evaluationReport(
    _ step: Int, of total: Int = 100, loss: Double = 3.5, best: BestMetric? = nil
) -> EvaluationReport {
    EvaluationReport(
        step: step, totalSteps: total, epoch: Double(step) / 50, loss: loss,
        perplexity: exp(loss), samples: 40,
        batches: 5, runtime: 2, best: best, elapsed: 0.5 * Double(step),
        remaining: 0.5 * Double(total - step))
}

/// The end of the same run.
func runSummary(_ step: Int = 100) -> RunSummary {
    RunSummary(
        step: step, epoch: Double(step) / 50, loss: 2.5, runtime: 50, samples: 800, steps: step,
        totalTokens: 51200, totalFLOPs: 1.5e15)
}
