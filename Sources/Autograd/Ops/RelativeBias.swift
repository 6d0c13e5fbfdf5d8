import Kernels

/// A bias of attention by heads and distances, from a table of buckets of distances.
///
/// table (buckets, H) → (H, distances) float32. Source: Raffel et al. 2020, arXiv:1910.10683,
/// section 2.1.
struct RelativeBiasOp: DifferentiableOp {
    let table: Parameter  // (buckets, H)
    let buckets: [Int32]  // by distance

    struct Saved {}

    var parameters: [Parameter] { [table] }
    private var heads: Int { table.shape.width }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        let rows = table.shape.extents[0]
        precondition(
            buckets.allSatisfy { $0 >= 0 && $0 < rows },
            "relative bias \(table.name) \(table.shape): buckets from \(buckets.min() ?? 0) to "
                + "\(buckets.max() ?? 0)")
        let numbers = workspace.buffer(table.count, .float32)
        workspace.copy(table, into: numbers)
        let y = workspace.tensor([heads, buckets.count], .float32)
        workspace.relativeBias(numbers, buckets: buckets, heads: heads, into: y.buffer)
        return (y, Saved())
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        guard let gradient = table.gradient else { return }
        workspace.relativeBiasGradient(
            outputGradient.buffer, buckets: buckets, heads: heads, addedTo: gradient)
    }
}

extension ForwardPass {
    /// The bias of attention (H, distances), float32, for ``attention(_:_:mask:bias:)``.
    ///
    /// - Parameters:
    ///   - table: (buckets, H).
    ///   - buckets: the row for each distance of key and query: from 1 − T to S − 1.
    package func relativeBias(_ table: Parameter, buckets: [Int32]) -> Tensor {
        apply(RelativeBiasOp(table: table, buckets: buckets), to: [])
    }
}
