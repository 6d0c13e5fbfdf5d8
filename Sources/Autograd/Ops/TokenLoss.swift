package import Kernels

/// How much each target token's cross-entropy counts, as the model's own logits say. A weight is a
/// number to the gradient: only the cross-entropy is differentiated. One file a loss.
package protocol TokenLoss: Sendable {
    /// Writes the weights of some rows, float32 (rows).
    ///
    /// - Parameters:
    ///   - logits: (rows, width) float32, before `softcap`, which is 0 where there is none.
    ///   - targets: negatives do not count, and their weights neither.
    func weigh(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
        into weights: Buffer, in workspace: Workspace
    )
}
