import Kernels

/// A value that costs little to make: backward makes it again instead of keeping it. Those that keep
/// it share what has been made, and its memory is gone with the last of them.
///
/// Source: the choice of what to keep by its cost, Chen et al. 2016, arXiv:1604.06174, section 4.2.
final class Recomputation {
    private let make: (Workspace) -> Tensor
    private var made: Tensor?

    /// - Parameter make: gives the same bits whenever it is called before the next update.
    init(_ make: @escaping (Workspace) -> Tensor) { self.make = make }

    func tensor(in workspace: Workspace) -> Tensor {
        let tensor = made ?? make(workspace)
        made = tensor
        return tensor
    }
}

/// An input that an op's backward reads again.
struct KeptTensor {
    let shape: Shape
    private let tensor: Tensor?
    private let recomputation: Recomputation?

    init(_ tensor: Tensor) {
        shape = tensor.shape
        recomputation = tensor.recomputation
        self.tensor = recomputation == nil ? tensor : nil
    }

    /// The tensor, made again where it was not kept.
    func value(in workspace: Workspace) -> Tensor {
        if let tensor { return tensor }
        guard let recomputation else {
            preconditionFailure("a kept tensor is there or can be made")
        }
        return recomputation.tensor(in: workspace)
    }
}
