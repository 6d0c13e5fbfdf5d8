/// The values of lr_scheduler_kwargs that a schedule takes; `nil` leaves its default.
package struct ScheduleOptions: Sendable, Equatable {
    package var cycles: Double?
    /// The lowest rate as a part of the peak: min_lr / learning_rate, min_lr_rate or min_lr_ratio.
    package var floor: Double?
    package var warmupStart: Double?
    package var end: Double?
    package var power: Double?
    package var timescale: Double?
    package var stableSteps: Int?
    package var decaySteps: Int?
    package var warmupCurve: ScheduleCurve?
    package var decayCurve: ScheduleCurve?
    package var plateau = PlateauOptions()

    /// Where `polynomial` ends unless told.
    package static let standardEnd = 1e-7

    /// Every default.
    package init() {}
}
