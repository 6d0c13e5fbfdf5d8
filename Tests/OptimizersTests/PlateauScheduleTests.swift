import Configuration
import Foundation
import Optimizers
import TestSupport
import Testing

/// `reduce_lr_on_plateau` against torch's ReduceLROnPlateau (scripts/references/plateau.py).
@Suite struct PlateauScheduleTests {
    /// A number, or what JSON has no number for.
    private struct Metric: Decodable {
        let value: Double

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Double.self) {
                value = number
            } else {
                value = Double(try container.decode(String.self)) ?? 0
            }
        }
    }

    private struct Case: Decodable {
        let rate: Double
        let options: [String: ScheduleOption]
        let metrics: [Metric]
        let rates: [Double]

        enum CodingKeys: String, CodingKey {
            case options, metrics, rates
            case rate = "learning_rate"
        }

        func schedule() throws -> any Schedule {
            let kind = ScheduleKind.reduceLROnPlateau
            let options = try ScheduleOptions(
                options.mapValues(\.value), for: kind, learningRate: rate, place: .unknown)
            return kind.schedule(
                learningRate: rate, warmupSteps: 3, totalSteps: 100, options: options)
        }
    }

    private func cases() throws -> [Case] {
        let file = References.folder.appendingPathComponent("plateau/rates.json")
        return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
    }

    /// The same operations in double precision give the same bits.
    @Test func everyRateIsTorchs() throws {
        let cases = try cases()
        #expect(cases.count > 15)
        #expect(Set(cases.flatMap(\.options.keys)).count == 8, "each option is in some case")
        for reference in cases {
            var schedule = try reference.schedule()
            #expect(schedule.rate(step: 0) == reference.rate)
            for (number, metric) in reference.metrics.enumerated() {
                schedule.takeNote(of: metric.value)
                #expect(
                    schedule.rate(step: 5) == reference.rates[number],
                    "\(reference.options), evaluation \(number)")
            }
        }
    }

    @Test func aScheduleThatIsTakenUpAgainGoesOnAsTorchs() throws {
        for reference in try cases() {
            for stop in reference.metrics.indices {
                var first = try reference.schedule()
                for metric in reference.metrics[..<stop] { first.takeNote(of: metric.value) }
                let memory = try #require(first.memory)
                // Infinite metrics cannot be written as JSON by default; RunMemory sees to them.
                guard memory.best?.isFinite != false else { continue }
                var second = try reference.schedule()
                second.memory = try JSONDecoder().decode(
                    ScheduleMemory.self, from: JSONEncoder().encode(memory))
                for metric in reference.metrics[stop...] { second.takeNote(of: metric.value) }
                #expect(
                    second.rate(step: 0) == reference.rates.last, "\(reference.options) \(stop)")
            }
        }
    }

    @Test func anotherLearningRateIsTakenAndTheCountsAreKept() throws {
        let kind = ScheduleKind.reduceLROnPlateau
        let options = try ScheduleOptions(
            ["patience": ConfigurationValue(.int(1)), "factor": ConfigurationValue(.double(0.5))],
            for: kind, learningRate: 1, place: .unknown)
        func schedule(_ rate: Double) -> any Schedule {
            kind.schedule(learningRate: rate, warmupSteps: 0, totalSteps: 9, options: options)
        }
        var before = schedule(1)
        for metric in [2.0, 3, 3, 3] { before.takeNote(of: metric) }
        #expect(before.rate(step: 0) == 0.5)
        var same = schedule(1)
        same.memory = before.memory
        #expect(same.rate(step: 0) == 0.5)
        var other = schedule(8)
        other.memory = before.memory
        #expect(other.rate(step: 0) == 8)
        // One bad evaluation had been counted since the reduction.
        other.takeNote(of: 3)
        #expect(other.rate(step: 0) == 4)
    }

    @Test func schedulesOfTheStepRememberNothing() {
        for kind in ScheduleKind.allCases where kind != .reduceLROnPlateau {
            var schedule = kind.schedule(
                learningRate: 1, warmupSteps: 2, totalSteps: 20, options: ScheduleOptions())
            let before = (0..<20).map { schedule.rate(step: $0) }
            for _ in 0..<30 { schedule.takeNote(of: 9) }
            #expect(schedule.memory == nil)
            #expect((0..<20).map { schedule.rate(step: $0) } == before)
        }
    }
}
