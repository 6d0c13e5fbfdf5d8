import Configuration
import Testing

@Suite struct EarlyStoppingTests {
    @Test func stoppingEarlyCountsEvaluationsWithoutABest() {
        var best = BestMetric(name: "eval_loss", greaterIsBetter: false)
        var stopping = EarlyStopping(patience: 2)
        var ends: [Bool] = []
        for (step, loss) in [(10, 3.0), (20, 2.5), (30, 2.5), (40, 2.0), (50, .nan), (60, 2.1)] {
            ends.append(stopping.update(isBest: best.update(loss, step: step)))
        }
        #expect(ends == [false, false, false, false, false, true])
        #expect(best.value == 2.0 && best.step == 40)
    }

    @Test func greaterCanBeBetter() {
        var best = BestMetric(name: "eval_accuracy", greaterIsBetter: true)
        let isBest = [0.1, 0.2, 0.15].enumerated().map { best.update($1, step: $0) }
        #expect(isBest == [true, true, false])
        #expect(best.value == 0.2 && best.step == 1)
    }
}
