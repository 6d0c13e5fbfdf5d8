import Autograd
import Kernels

/// Sums single samples' gradients as an aligned binary tree: ((s0 + s1) + (s2 + s3)) + …
///
/// A rank whose samples are an aligned power-of-two share of the global batch ends with a subtree
/// of the same tree, and the ranks' sums complete it: so 1, 2, 4 and 8 ranks get the same bits.
struct GradientTree {
    private struct Node {
        var level: Int
        var gradients: Buffer
        var loss: Double
    }

    private let store: ParameterStore
    private let workspace: Workspace
    private var nodes: [Node] = []

    init(_ store: ParameterStore, in workspace: Workspace) {
        self.store = store
        self.workspace = workspace
    }

    /// Adds what lies in the store's gradients, the sum of one sample, and that sample's loss.
    mutating func add(loss: Double) {
        guard let gradients = store.gradients else { return }
        let active = store.active
        let leaf = workspace.buffer(active.count, .float32)
        workspace.convert(
            gradients.advanced(by: active.lowerBound), to: leaf, count: active.count)
        nodes.append(Node(level: 0, gradients: leaf, loss: loss))
        while nodes.count > 1, nodes[nodes.count - 2].level == nodes[nodes.count - 1].level {
            join()
        }
    }

    /// Puts the sum of all samples into the store's gradients and returns the loss.
    mutating func finish() -> Double {
        while nodes.count > 1 { join() }
        guard let root = nodes.popLast(), let gradients = store.gradients else { return 0 }
        workspace.convert(
            root.gradients, to: gradients.advanced(by: store.active.lowerBound),
            count: store.active.count)
        return root.loss
    }

    /// Adds the last node to the one before it.
    private mutating func join() {
        let right = nodes.removeLast()
        workspace.add(
            right.gradients, to: nodes[nodes.count - 1].gradients, count: store.active.count)
        nodes[nodes.count - 1].loss += right.loss
        nodes[nodes.count - 1].level += 1
    }
}
