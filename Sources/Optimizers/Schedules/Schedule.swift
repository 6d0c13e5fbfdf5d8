import Foundation

/// The learning rate as a function of the step, and of evaluations where a schedule follows them.
package protocol Schedule: Sendable {
    /// The rate of the optimizer step that follows `step` finished ones; the first step's is
    /// `rate(step: 0)`, as in PyTorch.
    func rate(step: Int) -> Double
    /// Called with the metric of each evaluation (`metric_for_best_model`).
    mutating func takeNote(of metric: Double)
    /// What later rates depend on besides the step, for checkpoints; `nil` where nothing does.
    var memory: ScheduleMemory? { get set }
}

extension Schedule {
    package mutating func takeNote(of metric: Double) {}
    package var memory: ScheduleMemory? {
        get { nil }
        set {}
    }
}

/// The schedules by their names in transformers.
package enum ScheduleKind: String, Sendable, CaseIterable {
    case linear
    case cosine
    case cosineWithRestarts = "cosine_with_restarts"
    case polynomial
    case constant
    case constantWithWarmup = "constant_with_warmup"
    case inverseSqrt = "inverse_sqrt"
    case cosineWithMinLR = "cosine_with_min_lr"
    case cosineWarmupWithMinLR = "cosine_warmup_with_min_lr"
    case warmupStableDecay = "warmup_stable_decay"
    case reduceLROnPlateau = "reduce_lr_on_plateau"

    /// The schedule of a run, equal to `transformers.get_scheduler` of the same name.
    package func schedule(
        learningRate: Double, warmupSteps: Int, totalSteps: Int, options: ScheduleOptions
    ) -> any Schedule {
        let span = ScheduleSpan(peak: learningRate, warmup: warmupSteps, total: totalSteps)
        switch self {
        case .linear: return LinearSchedule(span: span)
        case .cosine:
            return CosineSchedule(span: span, cycles: options.cycles ?? 0.5, floor: 0)
        case .cosineWithMinLR:
            return CosineSchedule(
                span: span, cycles: options.cycles ?? 0.5, floor: options.floor ?? 0)
        case .cosineWarmupWithMinLR:
            return OffsetCosineSchedule(
                span: span, cycles: options.cycles ?? 0.5, floor: options.floor ?? 0,
                warmupStart: options.warmupStart)
        case .cosineWithRestarts:
            return RestartingCosineSchedule(span: span, cycles: options.cycles ?? 1)
        case .polynomial:
            return PolynomialSchedule(
                span: span, end: options.end ?? ScheduleOptions.standardEnd,
                power: options.power ?? 1)
        case .constant:
            return ConstantSchedule(
                span: ScheduleSpan(peak: learningRate, warmup: 0, total: totalSteps))
        case .constantWithWarmup: return ConstantSchedule(span: span)
        case .inverseSqrt:
            return InverseSqrtSchedule(
                span: span,
                timescale: options.timescale ?? Double(warmupSteps > 0 ? warmupSteps : 10_000))
        case .warmupStableDecay: return StableDecaySchedule(span: span, options: options)
        case .reduceLROnPlateau:
            return PlateauSchedule(peak: learningRate, options: options.plateau)
        }
    }
}

/// The peak rate and the steps of a run.
struct ScheduleSpan: Sendable {
    let peak: Double
    let warmup: Int
    let total: Int

    /// The rise from 0 to 1 during warm-up; `nil` from the step on at which the peak is reached.
    func rise(_ step: Int) -> Double? {
        step < warmup ? Double(step) / Double(max(1, warmup)) : nil
    }

    /// The part of the steps after warm-up that is done: 0 to 1, and more past the end.
    func progress(_ step: Int) -> Double {
        Double(step - warmup) / Double(max(1, total - warmup))
    }
}
