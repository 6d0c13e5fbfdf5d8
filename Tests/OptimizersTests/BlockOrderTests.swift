import Autograd
import Optimizers
import Testing

/// Blocks that are trained in turn: their order, their memory.
@Suite struct BlockOrderTests {
    private func order(
        _ mode: BlockOrder.Mode, _ count: Int = 4, start: Int? = nil, interval: Int? = 3,
        seed: UInt64 = 1
    ) -> BlockOrder {
        BlockOrder(
            names: (0..<count).map { ["layer.\($0)"] }, mode: mode, start: start,
            interval: interval, seed: seed)
    }

    private func turns(_ order: BlockOrder, _ count: Int) -> [Int] {
        (0..<count).map { turn in
            let blocks = Set((1...3).map { order.block(of: 3 * turn + $0) })
            return blocks.count == 1 ? blocks.first ?? -1 : -1
        }
    }

    @Test func blocksFollowOneAnother() {
        #expect(turns(order(.ascending), 6) == [0, 1, 2, 3, 0, 1])
        #expect(turns(order(.ascending, start: 2), 4) == [2, 3, 0, 1])
        #expect(turns(order(.descending), 6) == [3, 2, 1, 0, 3, 2])
        #expect(turns(order(.descending, start: 1), 4) == [1, 0, 3, 2])
        #expect(turns(order(.fixed, start: 2), 3) == [2, 2, 2])
        #expect(turns(order(.ascending, interval: nil), 3) == [0, 0, 0])
        #expect((1...7).map(order(.ascending).stepsBefore) == [0, 0, 0, 3, 3, 3, 6])
        #expect(order(.ascending, interval: nil).stepsBefore(1000) == 0)
    }

    @Test func aRandomOrderHasEveryBlockInEachRound() {
        let drawn = turns(order(.random, 8), 80)
        let rounds = stride(from: 0, to: 80, by: 8).map { Array(drawn[$0..<$0 + 8]) }
        #expect(rounds.allSatisfy { $0.sorted() == Array(0..<8) })
        #expect(Set(rounds).count > 8)
        #expect(drawn == turns(order(.random, 8), 80))
        #expect(drawn != turns(order(.random, 8, seed: 2), 80))
    }

    /// Gradients and moments are those of the largest block, whatever its turn.
    @Test func memoryIsThatOfTheLargestBlock() {
        let shapes: [String: Shape] = [
            "a": [7], "layer.0.weight": [40, 40], "layer.1.bias": [33],
            "layer.1.weight": [10, 10], "z": [9, 9],
        ]
        let rule = BAdam(
            adam: AdamW(beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0),
            order: BlockOrder(
                names: [["layer.0.weight"], ["layer.1.bias", "layer.1.weight"]], mode: .ascending,
                start: nil, interval: 2, seed: 1))
        let problem = MatrixProblem(shapes, for: rule)
        let optimizer = problem.optimizer(rule)
        #expect(rule.stateCount(of: problem.parameters) == 2 * 1600)
        #expect(optimizer.stateBytes == 4 * 2 * 1600)
        let before = problem.numbers
        for step in 1...3 { problem.update([optimizer], step: step) }
        #expect(optimizer.stateBytes == 4 * 2 * 133)
        #expect(
            problem.store.activeSlots.map(\.parameter.name) == ["layer.1.weight", "layer.1.bias"])
        #expect(problem.store.active.count == 128 + 64)
        let moved = zip(before, problem.numbers).map { $0 != $1 }
        #expect(moved == [false, true, true, true, false])
        // What lies between parameters is zero, and no gradient reaches beyond its own.
        #expect(problem.parameters.map(\.learns) == [false, false, true, true, false])
    }
}
