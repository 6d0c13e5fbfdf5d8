import Foundation
package import Kernels

/// EAFT: each target token's cross-entropy times (H/3)^alpha, where H is the entropy of the model's
/// softmax over its 20 largest logits: tokens that it is sure of count less.
///
/// Source: LLaMA-Factory's `use_eaft_loss` (train/trainer_utils.py), 3 being about ln 20. Where the
/// vocabulary has fewer than 20 tokens, all of them are taken.
package struct EntropyAdaptiveLoss: TokenLoss {
    package let alpha: Float

    /// - Parameter alpha: `eaft_alpha`; 0 gives every token the weight 1.
    package init(alpha: Float) { self.alpha = alpha }

    package func weigh(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
        into weights: Buffer, in workspace: Workspace
    ) {
        workspace.largestEntropies(
            logits: logits, rows: rows, width: width, softcap: softcap, count: 20, into: weights)
        let entropies = workspace.numbers(weights, count: rows)
        workspace.store(entropies.map { pow($0 / 3, alpha) }, into: weights)
    }
}
