/// The factor that keeps small fp16 gradients from vanishing, adapted to overflows.
///
/// Works as DeepSpeed's DynamicLossScaler without consecutive hysteresis: of each `hysteresis`
/// overflows the last and every later one halves the scale, until `window` good steps in a row
/// double it and restore the hysteresis. With a hysteresis of 1 each overflow halves.
package struct DynamicLossScale: Sendable, Equatable {
    /// What is set once for a run.
    package struct Options: Sendable, Equatable {
        /// The first scale.
        package var initial = 65536.0
        /// Good steps in a row after which the scale doubles.
        package var window = 2000
        /// Overflows it takes before the scale halves.
        package var hysteresis = 1
        /// The scale never falls below this.
        package var minimum = 1.0
        /// Overflows in a row at the minimum after which the run must stop.
        package var maxSkippedSteps = 5

        package init(
            initial: Double = 65536, window: Int = 2000, hysteresis: Int = 1, minimum: Double = 1,
            maxSkippedSteps: Int = 5
        ) {
            self.initial = initial
            self.window = window
            self.hysteresis = hysteresis
            self.minimum = minimum
            self.maxSkippedSteps = maxSkippedSteps
        }
    }

    /// What changes from step to step; kept in checkpoints.
    package struct State: Sendable, Equatable, Codable {
        package var scale: Double
        /// Good steps since the last overflow or doubling.
        package var goodSteps: Int
        /// Overflows left before the scale halves, counting the one that halves it.
        package var hysteresis: Int
        /// Overflows in a row at the minimum scale.
        package var skippedSteps: Int

        package init(scale: Double, goodSteps: Int, hysteresis: Int, skippedSteps: Int) {
            self.scale = scale
            self.goodSteps = goodSteps
            self.hysteresis = hysteresis
            self.skippedSteps = skippedSteps
        }
    }

    /// The largest scale: beyond it scaled losses leave fp16's and float32's range at once.
    private static let maximum = 0x1p+64

    package let options: Options
    package private(set) var state: State

    /// Starts at the initial scale, or where a checkpoint stopped.
    package init(_ options: Options, resuming state: State? = nil) {
        self.options = options
        self.state =
            state
            ?? State(
                scale: options.initial, goodSteps: 0, hysteresis: options.hysteresis,
                skippedSteps: 0)
    }

    /// The factor of the next step's losses.
    package var scale: Double { state.scale }

    /// Takes note of a step whose gradients were finite or not, and says what to do with it.
    ///
    /// Every rank must pass the same value, reduced over ranks.
    package mutating func update(isFinite: Bool) -> StepVerdict {
        if isFinite {
            state.skippedSteps = 0
            state.goodSteps += 1
            if state.goodSteps >= options.window {
                state.goodSteps = 0
                state.hysteresis = options.hysteresis
                state.scale = min(state.scale * 2, Self.maximum)
            }
            return .apply
        }
        state.goodSteps = 0
        let wasAtMinimum = state.scale <= options.minimum
        if state.hysteresis > 1 {
            state.hysteresis -= 1
        } else {
            state.scale = max(state.scale / 2, options.minimum)
        }
        guard wasAtMinimum else { return .skip }
        state.skippedSteps += 1
        return state.skippedSteps >= options.maxSkippedSteps ? .stop : .skip
    }
}

/// What becomes of a step's gradients.
package enum StepVerdict: Sendable, Equatable {
    case apply
    /// No parameter changes; the run goes on.
    case skip
    /// No parameter changes; too many steps in a row were skipped.
    case stop
}

/// What a run without loss scaling does with losses or norms that are not finite.
package struct NonFinitePolicy: Sendable, Equatable, Codable {
    /// Steps in a row after which the run stops.
    package let maxSkippedSteps: Int
    /// Steps skipped since the last good one.
    package private(set) var skippedSteps: Int

    package init(maxSkippedSteps: Int, skippedSteps: Int = 0) {
        self.maxSkippedSteps = maxSkippedSteps
        self.skippedSteps = skippedSteps
    }

    /// Takes note of a step whose loss and norm were finite or not, and says what to do with it.
    package mutating func update(isFinite: Bool) -> StepVerdict {
        guard !isFinite else {
            skippedSteps = 0
            return .apply
        }
        skippedSteps += 1
        return skippedSteps >= maxSkippedSteps ? .stop : .skip
    }
}
