/// What a head makes of its targets' cross-entropy.
package struct LossForm: Sendable {
    /// What each target counts; 1 without.
    package var tokenLoss: (any TokenLoss)?
    /// What the divergence from another prediction adds to each target's loss, times this; 0 for
    /// none.
    package var divergence: Float = 0
    package var anchor = Anchor.model

    /// The prediction q that p is compared with.
    package enum Anchor: Sendable {
        /// A reference model's: KL(q‖p).
        case model
        /// All tokens alike: −Σ log(p)/V, which is KL(q‖p) + log V.
        case uniform
    }

    package init(
        tokenLoss: (any TokenLoss)? = nil, divergence: Float = 0, anchor: Anchor = .model
    ) {
        self.tokenLoss = tokenLoss
        self.divergence = divergence
        self.anchor = anchor
    }

    /// Whether a reference model's hidden states are needed.
    package var needsReference: Bool { divergence != 0 && anchor == .model }
}

extension LossForm {
    /// ASFT: DFT, and alpha · KL(q‖p) for each target. LLaMA-Factory's `use_asft_loss`
    /// (train/trainer_utils.py), which divides by each micro-batch's targets and adds those means up;
    /// here as everywhere the sum is divided once by all targets of a step. The two are alike without
    /// gradient accumulation.
    package static func anchored(alpha: Float) -> LossForm {
        LossForm(tokenLoss: DynamicFinetuningLoss(), divergence: alpha)
    }
}
