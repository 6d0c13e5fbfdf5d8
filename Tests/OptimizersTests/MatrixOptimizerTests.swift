import Autograd
import Foundation
import Kernels
import Optimizers
import TestSupport
import Testing

/// Optimizers of whole matrices against their authors' programs (scripts/references/matrix_optimizers.py).
@Suite struct MatrixOptimizerTests {
    /// A float32 step of numbers below 1 is rounded a few times; iterations and singular vectors
    /// multiply roundings by up to some hundreds, and 50 steps add them up.
    private func bound(_ step: Int) -> Float { Float(step + 2) * 256 * Float(0x1p-24) }

    @Test(arguments: MatrixCase.all, [1, 2])
    func parametersEqualTheAuthors(_ reference: MatrixCase, threads: Int) throws {
        let problem = MatrixProblem(reference.shapes, for: reference.rule, threads: threads)
        let optimizer = problem.optimizer(reference.rule)
        for step in 1...50 {
            problem.update([optimizer], step: step, rate: reference.rate)
            guard let expected = reference.steps[step] else { continue }
            for parameter in problem.parameters {
                let wanted = try #require(expected[parameter.name]?["parameter"])
                let found = problem.workspace.numbers(parameter)
                let difference = Difference.absolute(found, wanted)
                #expect(difference < bound(step), "\(parameter.name), step \(step)")
            }
        }
        for (parameter, array) in optimizer.ownArrays {
            guard let wanted = reference.steps[50]?[parameter.name]?[array.name] else { continue }
            let room = problem.workspace.buffer(array.shape.count, .float32)
            optimizer.copyOwn(array, of: parameter, into: room)
            let found = problem.workspace.numbers(room, count: array.shape.count)
            #expect(Difference.relative(found, wanted) < Double(bound(50)), "\(array.name)")
        }
        #expect(reference.steps.count == 4)
    }

    /// Powers of two change no bit.
    @Test(arguments: MatrixCase.all)
    func gradientScaleMultipliesTheGradients(_ reference: MatrixCase) {
        let (plain, scaled) = (
            MatrixProblem(reference.shapes, for: reference.rule),
            MatrixProblem(reference.shapes, for: reference.rule)
        )
        let optimizers = [plain, scaled].map { $0.optimizer(reference.rule) }
        for step in 1...3 {
            plain.setGradients(step: step)
            scaled.setGradients(step: step, scale: 1024)
            optimizers[0].update(learningRate: reference.rate, gradientScale: 1)
            optimizers[1].update(learningRate: reference.rate, gradientScale: 1 / 1024)
        }
        // Singular vectors are those of the gradients before they are scaled.
        #expect(
            Difference.absolute(Array(plain.numbers.joined()), Array(scaled.numbers.joined()))
                < bound(3))
    }

    @Test(arguments: MatrixCase.all, [false, true])
    func threadsAndRanksChangeNoBit(_ reference: MatrixCase, splits: Bool) {
        let whole = MatrixProblem(reference.shapes, for: reference.rule, splits: splits)
        let other = MatrixProblem(
            reference.shapes, for: reference.rule, threads: 3, splits: splits)
        let one = whole.optimizer(reference.rule)
        let cut = other.store.slots[1].offset
        let ranks = [0..<cut, cut..<other.store.count].map {
            other.optimizer(reference.rule, [$0])
        }
        for step in 1...23 {
            whole.update([one], step: step)
            other.update(ranks, step: step)
        }
        #expect(whole.numbers == other.numbers)
        #expect(ranks.reduce(0) { $0 + $1.stateBytes } == one.stateBytes)
    }

    @Test(arguments: MatrixCase.all)
    func restoredStateContinuesTheRun(_ reference: MatrixCase) {
        let (straight, resumed) = (
            MatrixProblem(reference.shapes, for: reference.rule),
            MatrixProblem(reference.shapes, for: reference.rule)
        )
        let first = straight.optimizer(reference.rule)
        for step in 1...9 { straight.update([first], step: step) }
        for (parameter, values) in zip(resumed.parameters, straight.numbers) {
            resumed.workspace.assign(values, to: parameter)
        }
        let second = resumed.optimizer(reference.rule)
        second.restore(steps: first.steps)
        for ((parameter, array), other) in zip(first.ownArrays, second.ownArrays) {
            let room = straight.workspace.buffer(array.shape.count, .float32)
            first.copyOwn(array, of: parameter, into: room)
            second.restoreOwn(array, of: other.parameter, from: room)
        }
        for moment in reference.rule.elementwiseState {
            guard let flat = first.flatMoment(moment, of: straight.store) else { continue }
            second.restore(moment, from: flat)
        }
        // Across the step at which projections are made anew.
        for step in 10...24 {
            straight.update([first], step: step)
            resumed.update([second], step: step)
        }
        #expect(resumed.numbers == straight.numbers)
    }

    @Test(arguments: MatrixCase.all)
    func gradientsOfZeroMoveNothingButByDecay(_ reference: MatrixCase) {
        let problem = MatrixProblem(reference.shapes, for: reference.rule)
        let before = problem.numbers
        let optimizer = problem.optimizer(reference.rule)
        for _ in 1...2 {
            problem.setGradients(step: 1, scale: 0)
            optimizer.update(learningRate: reference.rate, gradientScale: 1)
        }
        let kept = Float(pow(1 - reference.rate * reference.rule.weightDecay, 2))
        for (parameter, (old, new)) in zip(problem.parameters, zip(before, problem.numbers)) {
            let factor = parameter.decays && parameter.learns ? kept : 1
            #expect(Difference.absolute(new, old.map { $0 * factor }) < 1e-6, "\(parameter.name)")
        }
        for step in 2...4 { problem.update([optimizer], step: step) }
        #expect(!problem.numbers.joined().contains { !$0.isFinite })
    }

    /// Numbers of four bytes that are kept of a matrix (12, 8), a table (10, 8), a norm and a bias (8).
    @Test func stateIsAsPromised() {
        let adam = AdamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0)
        let projection = LowRankProjection(rank: 3, side: .shorter, interval: 5, seed: 1)
        func apollo(_ rank: Int, _ projector: APOLLO.Projector) -> APOLLO {
            var projection = projection
            projection.rank = rank
            return APOLLO(
                projection: projection, projector: projector, granularity: .channel, scale: 1,
                scalesFirst: false, adam: adam, rest: adam, targets: ["matrix"])
        }
        let rest = 2 * (80 + 8 + 8)
        let expected: [(any OptimizerRule, Int)] = [
            (adam, 2 * 96 + rest),
            (
                Muon(
                    momentum: 0.9, scaling: .original, rateFactor: 1, rest: adam,
                    matrices: ["matrix"]), 96 + rest
            ),
            // Outputs, rows, one of the norm, all of the bias.
            (AdamMini(adam: adam, headSizes: [:]), 96 + 80 + 16 + (12 + 10 + 1 + 8)),
            (AdamMini(adam: adam, headSizes: ["matrix": 4]), 96 + 80 + 16 + (3 + 10 + 1 + 8)),
            (
                GaLore(projection: projection, scale: 1, adam: adam, targets: ["matrix"]),
                2 * 12 * 3 + 3 * 8 + rest
            ),
            (apollo(3, .random), 2 * 12 * 3 + 1 + rest),
            (apollo(1, .random), 2 * 12 + 1 + rest),
            (apollo(3, .singular), 2 * 12 * 3 + 1 + 3 * 8 + rest),
            // No more dimensions than there are.
            (apollo(100, .random), 2 * 12 * 8 + 1 + rest),
        ]
        let problem = MatrixProblem([
            "matrix": [12, 8], "table": [10, 8], "norm.weight": [8], "norm.bias": [8],
        ])
        for (rule, count) in expected {
            #expect(problem.optimizer(rule).stateBytes == 4 * count, "\(rule)")
            #expect(rule.stateCount(of: problem.parameters) == count)
        }
    }

    /// Where weights lie (in, out), a layer's outputs are columns.
    @Test func outputsAreCountedWhateverTheLayout() {
        let upright = MatrixProblem(["m": [6, 4]])
        let lying = MatrixProblem(["m": [4, 6]])
        lying.parameters[0].layout = .inputsByOutputs
        let adam = AdamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1)
        func transposed(_ x: [Float]) -> [Float] { (0..<24).map { x[$0 % 4 * 6 + $0 / 4] } }
        for rule in [
            AdamMini(adam: adam, headSizes: ["m": 3]),
            Muon(
                momentum: 0.95, scaling: .original, rateFactor: 2, rest: adam, matrices: ["m"]),
        ] as [any OptimizerRule] {
            let optimizers = [upright, lying].map { $0.optimizer(rule) }
            upright.workspace.assign(transposed(lying.numbers[0]), to: upright.parameters[0])
            for step in 1...3 {
                lying.setGradients(step: step)
                if let (from, to) = lying.parameters[0].gradient.flatMap({ from in
                    upright.parameters[0].gradient.map { (from, $0) }
                }) {
                    upright.workspace.store(
                        transposed(lying.workspace.numbers(from, count: 24)), into: to)
                }
                for optimizer in optimizers {
                    optimizer.update(learningRate: 0.01, gradientScale: 1)
                }
            }
            let difference = Difference.absolute(
                upright.numbers[0], transposed(lying.numbers[0]))
            #expect(difference < bound(3), "\(rule.name)")
        }
    }
}
