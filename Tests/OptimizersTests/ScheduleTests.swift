import Configuration
import Foundation
import Optimizers
import TestSupport
import Testing

/// Learning rates against transformers' own (scripts/references/schedules.py).
@Suite struct ScheduleTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            let name: String
            let learningRate: Double
            let warmupSteps: Int
            let totalSteps: Int
            let options: [String: ScheduleOption]
            let rates: [Double]

            enum CodingKeys: String, CodingKey {
                case name, options, rates
                case learningRate = "learning_rate"
                case warmupSteps = "warmup_steps"
                case totalSteps = "total_steps"
            }
        }
        let cases: [Case]
    }

    private func cases() throws -> [Reference.Case] {
        let file = References.folder.appendingPathComponent("schedules/rates.json")
        return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file)).cases
    }

    private func schedule(_ reference: Reference.Case) throws -> any Schedule {
        let kind = try #require(ScheduleKind(rawValue: reference.name))
        let options = try ScheduleOptions(
            kind == .constant ? [:] : reference.options.mapValues(\.value), for: kind,
            learningRate: reference.learningRate, place: .unknown)
        return kind.schedule(
            learningRate: reference.learningRate, warmupSteps: reference.warmupSteps,
            totalSteps: reference.totalSteps, options: options)
    }

    /// Both sides compute in double precision with the same formulas; the order of two products
    /// may differ.
    @Test func everyRateEqualsTransformers() throws {
        let cases = try cases()
        // Compared in PlateauScheduleTests.
        let steps = ScheduleKind.allCases.filter { $0 != .reduceLROnPlateau }
        #expect(Set(cases.map(\.name)) == Set(steps.map(\.rawValue)))
        for reference in cases {
            let schedule = try schedule(reference)
            for (step, expected) in reference.rates.enumerated() {
                let rate = schedule.rate(step: step)
                let tolerance = max(1e-12 * abs(expected), 1e-15 * reference.learningRate)
                #expect(
                    abs(rate - expected) <= tolerance,
                    "\(reference.name) \(reference.options) step \(step): \(rate) != \(expected)")
            }
        }
    }

    @Test func stableThirdIsFilledInAsInLLaMAFactory() throws {
        let reference = try #require(
            try cases().first { reference in
                guard case .number(26)? = reference.options["num_decay_steps"] else { return false }
                return true
            })
        let schedule = ScheduleKind.warmupStableDecay.schedule(
            learningRate: reference.learningRate, warmupSteps: reference.warmupSteps,
            totalSteps: reference.totalSteps, options: ScheduleOptions())
        for (step, expected) in reference.rates.enumerated() {
            #expect(abs(schedule.rate(step: step) - expected) <= 1e-12 * expected + 1e-18)
        }
    }

    @Test func givenStableStepsLeaveTheRestToDecay() throws {
        let options = try ScheduleOptions(
            ["num_stable_steps": ConfigurationValue(.int(10))], for: .warmupStableDecay,
            learningRate: 1, place: .unknown)
        let schedule = ScheduleKind.warmupStableDecay.schedule(
            learningRate: 1, warmupSteps: 5, totalSteps: 25, options: options)
        #expect(schedule.rate(step: 14) == 1)
        #expect(schedule.rate(step: 15) == 1)
        #expect(schedule.rate(step: 20) == 0.5)
        #expect(schedule.rate(step: 25) == 0)
    }

    @Test func literalRatesOfTheCommonSchedules() {
        func rate(_ kind: ScheduleKind, _ step: Int) -> Double {
            kind.schedule(
                learningRate: 1, warmupSteps: 10, totalSteps: 110, options: ScheduleOptions()
            ).rate(step: step)
        }
        #expect(rate(.linear, 1) == 0.1)
        #expect(rate(.linear, 2) == 0.2)
        #expect(rate(.linear, 60) == 0.5)
        #expect(abs(rate(.cosine, 60) - 0.5) < 1e-15)
        #expect(rate(.constantWithWarmup, 50) == 1)
        #expect(abs(rate(.inverseSqrt, 40) - 0.5) < 1e-15)
    }
}
