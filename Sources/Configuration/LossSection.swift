package import Autograd

/// What the loss is of the targets' cross-entropy; all but label smoothing with `stage: sft`.
package struct LossSection: Sendable {
    package let form: LossForm

    static let keys: [ConfigurationKey] = [
        .boolean("use_dft_loss", false, .training),
        .boolean("use_asft_loss", false, .training),
        .number("asft_alpha", 0.1, .from(0), .training),
        .boolean("use_eaft_loss", false, .training),
        .number("eaft_alpha", 1, .from(0), .training),
        .number("label_smoothing_factor", 0, .from(0, below: 1), .training),
    ]

    private static let switches = ["use_dft_loss", "use_asft_loss", "use_eaft_loss"]

    /// What LLaMA-Factory takes another reference model from.
    private static let references = [
        "ref_model", "ref_model_adapters", "ref_model_quantization_bit",
    ]

    init(_ settings: ConfigurationSettings) {
        if settings.boolean("use_dft_loss") {
            form = LossForm(tokenLoss: DynamicFinetuningLoss())
        } else if settings.boolean("use_eaft_loss") {
            form = LossForm(
                tokenLoss: EntropyAdaptiveLoss(alpha: Float(settings.number("eaft_alpha"))))
        } else if settings.boolean("use_asft_loss") {
            form = .anchored(alpha: Float(settings.number("asft_alpha")))
        } else if settings.number("label_smoothing_factor") > 0 {
            form = .smoothed(Float(settings.number("label_smoothing_factor")))
        } else {
            form = LossForm()
        }
    }
}

extension LossSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command),
            let (keys, reason) = contradiction(in: settings)
        else { return }
        throw settings.contradiction(keys, reason)
    }

    /// Keys that do not go together, with the reason.
    private static func contradiction(
        in settings: ConfigurationSettings
    ) -> (keys: [String], reason: String)? {
        let chosen = switches.filter { settings.boolean($0) }
        guard let key = chosen.first else { return nil }
        if settings.number("label_smoothing_factor") > 0 {
            return ([key, "label_smoothing_factor"], "a run has one loss; keep one of them")
        }
        if chosen.count > 1 { return (chosen, "a run has one loss; keep one of them") }
        if settings.stage != .supervised {
            return ([key, "stage"], "it is a loss of answers; set stage: sft, or leave it out")
        }
        guard key == "use_asft_loss" else { return nil }
        guard settings.finetuningType.isAdapter else {
            return (
                [key, "finetuning_type"],
                "it needs a reference model, which comes with preference training; with "
                    + "finetuning_type: lora the base without its adapter is the reference"
            )
        }
        for other in ["additional_target", "pissa_init"] where settings.isChanged(other) {
            return (
                [key, other],
                "the reference is the base without its adapter, which \(other) changes; leave "
                    + "one of them out"
            )
        }
        for other in references where settings.isGiven(other) {
            return (
                [key, other],
                "a reference model of its own comes with preference training; leave \(other) out, "
                    + "and the base without its adapter is the reference"
            )
        }
        return nil
    }
}
