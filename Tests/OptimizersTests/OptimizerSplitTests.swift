import Autograd
import Kernels
import Optimizers
import Testing

/// Optimizer state divided among ranks, as ZeRO-1 does, and taken through a checkpoint.
@Suite struct OptimizerSplitTests {
    @Test(arguments: OptimizerCase.all, [1, 3, 5, 8])
    func rangesTogetherEqualTheWhole(_ reference: OptimizerCase, cut: Int) throws {
        let (whole, parts) = (
            ReferenceProblem(threads: 1, type: .bfloat16),
            ReferenceProblem(threads: 1, type: .bfloat16)
        )
        let one = whole.optimizer(reference, ranges: [0..<whole.store.count])
        let ranks = [0..<cut, cut..<parts.store.count].map {
            parts.optimizer(reference, ranges: [$0])
        }
        for step in 1...50 {
            for model in [whole, parts] { model.setGradients(step: step, scale: 1) }
            one.update(learningRate: reference.learningRate, gradientScale: 1)
            for rank in ranks {
                rank.update(learningRate: reference.learningRate, gradientScale: 1)
            }
            guard [1, 2, 50].contains(step) else { continue }
            #expect(parts.numbers == whole.numbers)
            #expect(parts.copies == whole.copies)
        }
        #expect(ranks.reduce(0) { $0 + $1.stateBytes } == one.stateBytes)
        for moment in ["first_moment", "second_moment"] {
            guard let flat = one.flatMoment(moment, of: whole.store) else { continue }
            let expected = whole.workspace.numbers(flat, count: whole.store.count)
            // Zeros outside of a rank's own range, so that the ranks' sum is the whole.
            let found = try ranks.map {
                parts.workspace.numbers(
                    try #require($0.flatMoment(moment, of: parts.store)), count: parts.store.count)
            }
            #expect(zip(found[0], found[1]).map { $0 + $1 } == expected)
            #expect(found[0].dropFirst(cut).allSatisfy { $0 == 0 })
            #expect(found[1].prefix(cut).allSatisfy { $0 == 0 })
        }
    }

    @Test func aRankTouchesItsOwnRangeOnly() {
        let model = ReferenceProblem(threads: 2, type: .bfloat16)
        let (before, copies) = (model.numbers, model.copies)
        let rank = model.optimizer(OptimizerCase.all[1], ranges: [2..<3, 5..<7])
        model.setGradients(step: 1, scale: 1)
        rank.update(learningRate: 0.5, gradientScale: 1)
        for index in 0..<8 {
            let owned = [2, 5, 6].contains(index)
            #expect((model.numbers[index] != before[index]) == owned)
            #expect((model.copies[index] != copies[index]) == owned)
        }
    }

    // Several parameters, one of them without decay, and a range that starts inside one.
    @Test func rangesAcrossParametersEqualTheWhole() {
        func numbers(_ ranges: [Range<Int>]) -> [[Float]] {
            let workspace = Workspace(threads: 1)
            let all = [
                Parameter(name: "a", shape: [5, 7], initializer: .normal(deviation: 1)),
                Parameter(name: "b", shape: [11], initializer: .normal(deviation: 1)),
                Parameter(name: "c", shape: [2, 40], initializer: .normal(deviation: 1)),
            ]
            let store = ParameterStore(all, computeType: .float16, training: true, in: workspace)
            store.initialize(seed: 1)
            let optimizers = ranges.map {
                Optimizer(OptimizerCase.all[1].rule, store: store, ranges: [$0], in: workspace)
            }
            for step in 1...4 {
                for parameter in all {
                    guard let gradient = parameter.gradient else { continue }
                    workspace.fillNormal(
                        gradient, count: parameter.count, deviation: 1, key: UInt64(step))
                }
                for optimizer in optimizers {
                    optimizer.update(learningRate: 0.1, gradientScale: 1)
                }
            }
            return all.map(workspace.numbers)
                + all.map { workspace.numbers($0.value, count: $0.count) }
        }
        // c takes 80 + 16 places of padding, b 11 + 21, a 35 + 29.
        let whole = numbers([0..<192])
        #expect(numbers([0..<40, 40..<100, 100..<101, 101..<192]) == whole)
        #expect(numbers([0..<192]) == whole)
        #expect(numbers([0..<96]) != whole)
    }

    @Test(arguments: OptimizerCase.all)
    func restoredMomentsContinueTheRun(_ reference: OptimizerCase) {
        let (straight, resumed) = (ReferenceProblem(threads: 1), ReferenceProblem(threads: 1))
        let first = straight.optimizer(reference, ranges: [0..<straight.store.count])
        for step in 1...7 {
            straight.setGradients(step: step, scale: 1)
            first.update(learningRate: reference.learningRate, gradientScale: 1)
        }
        // Another division of the state than the one that was saved.
        resumed.workspace.assign(straight.numbers, to: resumed.parameter)
        let ranks = [0..<3, 3..<resumed.store.count].map {
            resumed.optimizer(reference, ranges: [$0])
        }
        for rank in ranks {
            for moment in ["first_moment", "second_moment"] {
                if let flat = first.flatMoment(moment, of: straight.store) {
                    rank.restore(moment, from: flat)
                }
            }
            rank.restore(steps: first.steps)
        }
        for step in 8...12 {
            for (model, optimizers) in [(straight, [first]), (resumed, ranks)] {
                model.setGradients(step: step, scale: 1)
                for optimizer in optimizers {
                    optimizer.update(learningRate: reference.learningRate, gradientScale: 1)
                }
            }
        }
        #expect(resumed.numbers == straight.numbers)
    }
}
