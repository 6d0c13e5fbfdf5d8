import Foundation

/// The peak throughout, after a linear rise.
struct ConstantSchedule: Schedule {
    let span: ScheduleSpan

    func rate(step: Int) -> Double { span.peak * (span.rise(step) ?? 1) }
}

/// A linear rise, then a straight line to 0 at the last step.
struct LinearSchedule: Schedule {
    let span: ScheduleSpan

    func rate(step: Int) -> Double {
        let fall = Double(span.total - step) / Double(max(1, span.total - span.warmup))
        return span.peak * (span.rise(step) ?? max(0, fall))
    }
}

/// A linear rise, then `(1 - progress)^power` of the way down to `end`.
struct PolynomialSchedule: Schedule {
    let span: ScheduleSpan
    let end: Double
    let power: Double

    func rate(step: Int) -> Double {
        if let rise = span.rise(step) { return span.peak * rise }
        if step > span.total { return end }
        let remaining = 1 - span.progress(step)
        return (span.peak - end) * pow(remaining, power) + end
    }
}

/// A linear rise, then 1/√ of the steps in units of `timescale`.
struct InverseSqrtSchedule: Schedule {
    let span: ScheduleSpan
    let timescale: Double

    func rate(step: Int) -> Double {
        if let rise = span.rise(step) { return span.peak * rise }
        let shift = timescale - Double(span.warmup)
        return span.peak * (1 / ((Double(step) + shift) / timescale).squareRoot())
    }
}
