/// The values of lr_scheduler_kwargs that `reduce_lr_on_plateau` takes, with PyTorch's defaults.
package struct PlateauOptions: Sendable, Equatable {
    package static let keys = [
        "cooldown", "eps", "factor", "min_lr", "mode", "patience", "threshold", "threshold_mode",
    ]

    /// Whether a greater metric is better (`mode: max`).
    package var greaterIsBetter = false
    /// What the rate is multiplied by.
    package var factor = 0.1
    /// Evaluations without a better metric that change nothing.
    package var patience = 10
    /// By how much a metric must be better to count.
    package var threshold = 1e-4
    /// Whether the threshold is a part of the best metric, or a difference from it.
    package var thresholdIsRelative = true
    /// Evaluations after a reduction in which none counts as bad.
    package var cooldown = 0
    /// The rate goes no lower.
    package var floor = 0.0
    /// Smaller reductions are not made.
    package var leastChange = 1e-8

    /// PyTorch's defaults.
    package init() {}
}

/// The peak until evaluations get no better, then less and less.
///
/// Equal to PyTorch's `torch.optim.lr_scheduler.ReduceLROnPlateau` for one group of parameters;
/// there is no warm-up. Groups that have a multiple of the rate keep that multiple.
struct PlateauSchedule: Schedule {
    private let peak: Double
    private let options: PlateauOptions
    private var state: ScheduleMemory

    init(peak: Double, options: PlateauOptions) {
        self.peak = peak
        self.options = options
        state = ScheduleMemory(peak: peak, rate: peak)
    }

    func rate(step: Int) -> Double { state.rate }

    mutating func takeNote(of metric: Double) {
        if isBetter(metric) {
            state.best = metric
            state.badEvaluations = 0
        } else {
            state.badEvaluations += 1
        }
        if state.cooldownLeft > 0 {
            state.cooldownLeft -= 1
            state.badEvaluations = 0
        }
        guard state.badEvaluations > options.patience else { return }
        let reduced = max(state.rate * options.factor, options.floor)
        if state.rate - reduced > options.leastChange { state.rate = reduced }
        state.cooldownLeft = options.cooldown
        state.badEvaluations = 0
    }

    /// Whether a metric is better than the best so far; what is no number is not.
    private func isBetter(_ metric: Double) -> Bool {
        let worst = options.greaterIsBetter ? -Double.infinity : .infinity
        let best = state.best ?? worst
        switch (options.greaterIsBetter, options.thresholdIsRelative) {
        case (false, true): return metric < best * (1 - options.threshold)
        case (false, false): return metric < best - options.threshold
        case (true, true): return metric > best * (options.threshold + 1)
        case (true, false): return metric > best + options.threshold
        }
    }

    var memory: ScheduleMemory? {
        get { state }
        set {
            guard var other = newValue else { return }
            // Another learning_rate than in the run before is meant to be taken.
            if other.peak != peak { other.rate = peak }
            other.peak = peak
            state = other
        }
    }
}
