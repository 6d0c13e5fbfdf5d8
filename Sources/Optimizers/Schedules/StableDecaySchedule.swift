import Foundation

/// A rise, a stretch at the peak, and a fall at the end: `warmup_stable_decay`.
struct StableDecaySchedule: Schedule {
    let span: ScheduleSpan
    let stableSteps: Int
    let decaySteps: Int
    let rise: ScheduleCurve
    let fall: ScheduleCurve
    let floor: Double
    let cycles: Double

    /// Steps not given are filled in: a third of those after warm-up is stable, as in
    /// LLaMA-Factory; if one of the two is given, the other is the rest.
    init(span: ScheduleSpan, options: ScheduleOptions) {
        self.span = span
        let remaining = max(0, span.total - span.warmup)
        switch (options.stableSteps, options.decaySteps) {
        case (let stable?, let decay?): (stableSteps, decaySteps) = (stable, decay)
        case (let stable?, nil): (stableSteps, decaySteps) = (stable, max(0, remaining - stable))
        case (nil, let decay?): (stableSteps, decaySteps) = (max(0, remaining - decay), decay)
        case (nil, nil): (stableSteps, decaySteps) = (remaining / 3, remaining - remaining / 3)
        }
        rise = options.warmupCurve ?? .linear
        fall = options.decayCurve ?? .cosine
        floor = options.floor ?? 0
        cycles = options.cycles ?? 0.5
    }

    func rate(step: Int) -> Double { span.peak * factor(step) }

    private func factor(_ step: Int) -> Double {
        if let progress = span.rise(step) {
            let factor =
                switch rise {
                case .linear: progress
                case .cosine: 0.5 * (1 - cos(.pi * progress))
                case .squareRoot: 1 - (1 - progress).squareRoot()
                }
            return max(0, factor * (1 - floor) + floor)
        }
        let after = step - span.warmup - stableSteps
        if after < 0 { return 1 }
        guard after < decaySteps else { return floor }
        let progress = Double(after) / Double(max(1, decaySteps))
        let factor =
            switch fall {
            case .linear: 1 - progress
            case .cosine: 0.5 * (1 + cos(.pi * cycles * 2 * progress))
            case .squareRoot: 1 - progress.squareRoot()
            }
        return max(0, factor * (1 - floor) + floor)
    }
}
