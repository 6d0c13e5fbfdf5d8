import Foundation
import Optimizers
import Testing

@Suite struct LossScalingTests {
    @Test func scaleDoublesAfterTheWindowAndHalvesOnOverflow() {
        var scale = DynamicLossScale(.init(window: 4))
        for _ in 0..<3 { #expect(scale.update(isFinite: true) == .apply) }
        #expect(scale.scale == 65536)
        #expect(scale.update(isFinite: true) == .apply)
        #expect(scale.scale == 131_072)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.scale == 65536)
    }

    @Test func overflowStartsTheWindowAnew() {
        var scale = DynamicLossScale(.init(window: 3))
        _ = scale.update(isFinite: true)
        _ = scale.update(isFinite: true)
        _ = scale.update(isFinite: false)
        for _ in 0..<2 { _ = scale.update(isFinite: true) }
        #expect(scale.scale == 32768)
        _ = scale.update(isFinite: true)
        #expect(scale.scale == 65536)
    }

    /// DeepSpeed: with a hysteresis of 2 the first overflow costs no scale, the later ones do, and
    /// only a doubling gives the patience back.
    @Test func hysteresisForgivesTheFirstOverflow() {
        var scale = DynamicLossScale(.init(initial: 1024, window: 3, hysteresis: 2))
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.scale == 1024)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.scale == 512)
        _ = scale.update(isFinite: true)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.scale == 256)
        for _ in 0..<3 { _ = scale.update(isFinite: true) }
        #expect(scale.scale == 512)
        _ = scale.update(isFinite: false)
        #expect(scale.scale == 512)
    }

    @Test func overflowsAtTheMinimumStopTheRun() {
        var scale = DynamicLossScale(.init(initial: 4, minimum: 2, maxSkippedSteps: 3))
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.scale == 2)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.update(isFinite: true) == .apply)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.update(isFinite: false) == .skip)
        #expect(scale.update(isFinite: false) == .stop)
        #expect(scale.scale == 2)
    }

    @Test func stateContinuesThroughACheckpoint() throws {
        var scale = DynamicLossScale(.init(window: 5, hysteresis: 2))
        for isFinite in [true, true, false, true] { _ = scale.update(isFinite: isFinite) }
        let bytes = try JSONEncoder().encode(scale.state)
        let state = try JSONDecoder().decode(DynamicLossScale.State.self, from: bytes)
        #expect(state == .init(scale: 65536, goodSteps: 1, hysteresis: 1, skippedSteps: 0))
        var resumed = DynamicLossScale(scale.options, resuming: state)
        for isFinite in [true, false, true, true, true, true, true] {
            #expect(resumed.update(isFinite: isFinite) == scale.update(isFinite: isFinite))
            #expect(resumed == scale)
        }
    }

    @Test func skippedStepsInARowStopARunWithoutScaling() {
        var policy = NonFinitePolicy(maxSkippedSteps: 2)
        #expect(policy.update(isFinite: false) == .skip)
        #expect(policy.update(isFinite: true) == .apply)
        #expect(policy.update(isFinite: false) == .skip)
        #expect(policy.update(isFinite: false) == .stop)
        #expect(policy.skippedSteps == 2)
    }
}
