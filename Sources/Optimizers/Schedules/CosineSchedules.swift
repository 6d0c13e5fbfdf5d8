import Foundation

/// A linear rise, then a cosine from the peak to `floor` of it.
struct CosineSchedule: Schedule {
    let span: ScheduleSpan
    /// Waves over the run; a half falls once.
    let cycles: Double
    /// The lowest rate as a part of the peak.
    let floor: Double

    func rate(step: Int) -> Double {
        if let rise = span.rise(step) { return span.peak * rise }
        let wave = 0.5 * (1 + cos(.pi * cycles * 2 * span.progress(step)))
        return span.peak * max(0, wave * (1 - floor) + floor)
    }
}

/// A linear rise, then `cycles` cosines that each begin again at the peak.
struct RestartingCosineSchedule: Schedule {
    let span: ScheduleSpan
    let cycles: Double

    func rate(step: Int) -> Double {
        if let rise = span.rise(step) { return span.peak * rise }
        let progress = span.progress(step)
        guard progress < 1 else { return 0 }
        let phase = (cycles * progress).truncatingRemainder(dividingBy: 1)
        return span.peak * max(0, 0.5 * (1 + cos(.pi * phase)))
    }
}

/// transformers' `cosine_warmup_with_min_lr`: both phases run one step ahead, so that no step has
/// rate 0, and the rise may begin at `warmupStart` of the peak.
struct OffsetCosineSchedule: Schedule {
    let span: ScheduleSpan
    let cycles: Double
    let floor: Double
    let warmupStart: Double?

    func rate(step: Int) -> Double {
        let warmup = Double(span.warmup)
        if step < span.warmup {
            guard let warmupStart else { return span.peak * ((Double(step) + 1) / max(1, warmup)) }
            let rise = (1 - warmupStart) * Double(step) / max(1, warmup - 1)
            return span.peak * (warmupStart + rise)
        }
        let progress = (Double(step) - warmup + 1) / max(1, Double(span.total) - warmup)
        let wave = 0.5 * (1 + cos(.pi * cycles * 2 * progress))
        return span.peak * max(0, wave * (1 - floor) + floor)
    }
}
