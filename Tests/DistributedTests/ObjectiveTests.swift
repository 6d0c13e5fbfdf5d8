import Foundation
import Testing

/// An objective that one file of the test driver adds: two heads, the second with a divisor of its own.
@Suite struct ObjectiveTests {
    @Test func bothHeadsGradientIsTheSlopeOfTheLoss() throws {
        let run = try MPIRun(ranks: 1, "two-tokens-gradient")
        #expect(run.output.components(separatedBy: "gradient right").count == 3, "\(run.output)")
        #expect(run.status == 0, "\(run.errors)")
    }

    @Test func aNewObjectiveTrainsOnTwoRanksAndItsFiguresAreLogged() throws {
        let run = try MPIRun(ranks: 2, "two-tokens")
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n").filter { $0.hasPrefix("{") }.compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
        let steps = lines.filter { $0["loss"] != nil }
        try #require(steps.count == 30, "\(run.output)")
        for step in steps {
            let loss = try #require(step["loss"] as? Double)
            let next = try #require(step["next_loss"] as? Double)
            let second = try #require(step["second_loss"] as? Double)
            // Each mean over its own targets; losses are sums of float32 numbers.
            #expect(abs(next + second - loss) < 1e-5 * loss)
        }
        let first = try #require(steps.first?["second_loss"] as? Double)
        let last = try #require(steps.last?["second_loss"] as? Double)
        #expect(abs(first - log(96)) < 0.1)
        #expect(last < first - 1)
        #expect(lines.contains { $0["eval_second_loss"] is Double }, "\(lines.last ?? [:])")
    }

    @Test(arguments: [1, 2])
    func aLossThatBackwardDoesNotBeginFromIsNoticed(ranks: Int) throws {
        let run = try MPIRun(ranks: ranks, "forgotten-loss")
        #expect(run.status != 0)
        #expect(run.finishedRanks.isEmpty)
    }
}
