/// What a head makes of its targets' cross-entropy.
package struct LossForm: Sendable {
    /// What each target counts; 1 without.
    package var tokenLoss: (any TokenLoss)?
    /// What the divergence KL(q‖p) from a reference model's prediction q adds to each target's
    /// loss, times this; 0 for none.
    package var divergence: Float = 0

    package init(tokenLoss: (any TokenLoss)? = nil, divergence: Float = 0) {
        self.tokenLoss = tokenLoss
        self.divergence = divergence
    }
}

extension LossForm {
    /// ASFT: DFT, and alpha · KL(q‖p) for each target. LLaMA-Factory's `use_asft_loss`
    /// (train/trainer_utils.py).
    package static func anchored(alpha: Float) -> LossForm {
        LossForm(tokenLoss: DynamicFinetuningLoss(), divergence: alpha)
    }
}
