import Autograd
package import Kernels

/// AdamW on one block of parameters at a time, with new moments at each turn.
///
/// Source: Luo et al. 2024, arXiv:2404.02827, algorithm 1, as badam 1.4 has it; there a first turn is a step
/// shorter than the others, here all are equally long. Moments, gradients and sums over ranks are those of the
/// block alone, and backward ends at it.
package struct BAdam: OptimizerRule {
    package var adam: AdamW
    package var order: BlockOrder

    package init(adam: AdamW, order: BlockOrder) {
        self.adam = adam
        self.order = order
    }

    package var name: String { "badam" }
    package var summary: String? {
        "BAdam trains \(order.names.count) blocks in turn (\(order.mode.rawValue)), "
            + (order.interval.map { "\($0) steps each" } ?? "the first for ever")
    }
    package var weightDecay: Double { adam.weightDecay }
    package var elementwiseState: [String] { adam.elementwiseState }
    package var blocks: BlockOrder? { order }

    package func update(_ part: UpdatePart, in workspace: Workspace) {
        adam.update(part, in: workspace)
    }
}
