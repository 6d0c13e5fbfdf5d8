import Autograd
import Kernels
import Optimizers
import Testing

/// A rule that keeps, beside the weights' shape, a sum for each row, which takes whole matrices.
struct RowSums: OptimizerRule {
    let name = "row-sums"
    let weightDecay = 0.0
    let elementwiseState: [String] = []
    let needsWholeParameters = true

    func ownState(of parameter: Parameter) -> [StateArray] {
        [StateArray(name: "row_sums", shape: [parameter.shape.extents[0]])]
    }

    func update(_ part: UpdatePart, in workspace: Workspace) {
        let rows = part.parameter.shape.extents[0]
        let width = part.range.count / rows
        let gradients = workspace.numbers(part.gradients, count: part.range.count)
        var sums = workspace.numbers(part.own[0], count: rows)
        guard case .whole(let weights, _) = part.weights else { return }
        var values = workspace.numbers(weights, count: part.range.count)
        for row in 0..<rows {
            for column in 0..<width { sums[row] += gradients[row * width + column] }
            for column in 0..<width {
                values[row * width + column] -= part.learningRate * sums[row]
            }
        }
        workspace.store(sums, into: part.own[0])
        workspace.store(values, into: weights)
    }
}

@Suite struct OwnStateTests {
    /// Two matrices and a vector, with gradients of (place + step).
    private struct Problem {
        let workspace = Workspace(threads: 1)
        let parameters = [
            Parameter(name: "a", shape: [3, 5], initializer: .ones),
            Parameter(name: "b", shape: [7], initializer: .ones),
            Parameter(name: "c", shape: [2, 4], initializer: .ones),
        ]
        let store: ParameterStore

        init() {
            store = ParameterStore(
                parameters, computeType: .float32, training: true, in: workspace)
            store.initialize(seed: 1)
        }

        func optimizer(_ ranges: [Range<Int>]) -> Optimizer {
            Optimizer(RowSums(), store: store, ranges: ranges, in: workspace)
        }

        func update(_ optimizers: [Optimizer], step: Int) {
            for parameter in parameters {
                guard let gradient = parameter.gradient else { continue }
                workspace.store(
                    (0..<parameter.count).map { Float($0 + step) / 64 }, into: gradient)
            }
            for optimizer in optimizers { optimizer.update(learningRate: 0.5, gradientScale: 1) }
        }

        var numbers: [[Float]] { parameters.map(workspace.numbers) }

        func own(_ optimizer: Optimizer) -> [Float] {
            optimizer.ownArrays.flatMap { parameter, array in
                let room = workspace.buffer(array.shape.count, .float32)
                optimizer.copyOwn(array, of: parameter, into: room)
                return workspace.numbers(room, count: array.shape.count)
            }
        }
    }

    @Test func stateOfAnyShapeIsKeptByParameter() {
        let problem = Problem()
        let optimizer = problem.optimizer([0..<problem.store.count])
        problem.update([optimizer], step: 1)
        #expect(optimizer.stateBytes == 4 * (3 + 7 + 2))
        // In the order of the flat arrays, whatever that is; c's rows: 1+2+3+4 and 5+6+7+8.
        let place = optimizer.ownArrays.prefix { $0.parameter.name != "c" }
            .reduce(0) { $0 + $1.array.shape.count }
        let kept = problem.own(optimizer)
        #expect(kept[place] == 10.0 / 64)
        #expect(kept[place + 1] == 26.0 / 64)
        let moved: Float = 1 - 0.5 * 10 / 64
        #expect(problem.numbers[2].prefix(4) == [moved, moved, moved, moved])
    }

    @Test func ranksThatOwnWholeParametersEqualOne() {
        let (whole, parts) = (Problem(), Problem())
        let one = whole.optimizer([0..<whole.store.count])
        let cut = parts.store.slots[1].offset
        let ranks = [0..<cut, cut..<parts.store.count].map { parts.optimizer([$0]) }
        for step in 1...3 {
            whole.update([one], step: step)
            parts.update(ranks, step: step)
        }
        #expect(parts.numbers == whole.numbers)
        // What one rank keeps is zero on the other.
        let (first, second) = (parts.own(ranks[0]), parts.own(ranks[1]))
        let sum = zip(first, second).map { $0 + $1 }
        #expect(sum == whole.own(one))
        #expect(first.contains(0) && second.contains(0))
    }

    @Test func restoredStateContinuesTheRun() {
        let (straight, resumed) = (Problem(), Problem())
        let first = straight.optimizer([0..<straight.store.count])
        for step in 1...3 { straight.update([first], step: step) }
        for (parameter, values) in zip(resumed.parameters, straight.numbers) {
            resumed.workspace.assign(values, to: parameter)
        }
        let second = resumed.optimizer([0..<resumed.store.count])
        for ((parameter, array), other) in zip(first.ownArrays, second.ownArrays) {
            let room = straight.workspace.buffer(array.shape.count, .float32)
            first.copyOwn(array, of: parameter, into: room)
            second.restoreOwn(array, of: other.parameter, from: room)
        }
        second.restore(steps: first.steps)
        straight.update([first], step: 4)
        resumed.update([second], step: 4)
        #expect(resumed.numbers == straight.numbers)
    }
}
