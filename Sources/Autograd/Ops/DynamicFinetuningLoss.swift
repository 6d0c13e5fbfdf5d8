package import Kernels

/// DFT: each target token's cross-entropy times its own probability, −sg(p) · log p.
///
/// Source: arXiv:2508.05629, eq. 9; LLaMA-Factory's `use_dft_loss`.
package struct DynamicFinetuningLoss: TokenLoss {
    package init() {}

    package func weigh(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
        into weights: Buffer, in workspace: Workspace
    ) {
        workspace.targetProbabilities(
            logits: logits, targets: targets, rows: rows, width: width, softcap: softcap,
            into: weights)
    }
}
