import Kernels

/// Label smoothing: (1 − share) · cross-entropy + share · the mean of −log p over the vocabulary.
///
/// Source: Szegedy et al. 2016, arXiv:1512.00567, section 7; Hugging Face's LabelSmoother,
/// which takes the mean of each micro-batch where here the sum is divided once by all targets.
extension LossForm {
    package static func smoothed(_ share: Float) -> LossForm {
        LossForm(
            tokenLoss: EvenTokenLoss(weight: 1 - share), divergence: share, anchor: .uniform)
    }
}

/// Each target's cross-entropy times one number.
struct EvenTokenLoss: TokenLoss {
    let weight: Float

    func weigh(
        logits: Buffer, targets: ArraySlice<Int32>, rows: Int, width: Int, softcap: Float,
        into weights: Buffer, in workspace: Workspace
    ) {
        workspace.fill(weights, count: rows, with: weight)
    }
}
