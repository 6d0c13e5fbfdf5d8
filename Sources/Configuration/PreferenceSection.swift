/// How preferences are learned: `stage: dpo`, `kto` and `rm`.
package struct PreferenceSection: Sendable {
    /// How much better the chosen of two answers should be.
    package enum Loss: String, CaseIterable, Sendable {
        case sigmoid, hinge, ipo, orpo, simpo
        case ktoPair = "kto_pair"

        /// Whether answers are compared with those of a reference model.
        package var needsReference: Bool { self != .orpo && self != .simpo }
    }

    package let loss: Loss
    package let beta: Double
    package let answerWeight: Double
    package let classifierWeight: Double
    package let labelSmoothing: Double
    package let margin: Double
    /// What tokens beyond the shorter answer's length count; `nil` for as much as the others.
    package let lengthWeight: Double?
    /// Of single answers.
    package let desirableWeight: Double
    package let undesirableWeight: Double
    /// Another reference than the weights that the run begins with, and adapters on it.
    package let refModel: String?
    package let refModelAdapters: [String]
    /// Answers that the reference reads at once; as in training unless given.
    package let referenceBatchSize: Int
    /// Where its log-probabilities are kept; below output_dir unless given.
    package let referencePath: String?

    static let keys = ConfigurationKey.joined(
        [
            .number("pref_beta", 0.1, .above(0), .training),
            .number("pref_ftx", 0, .from(0), .training),
            .number("pref_bco_weight", 0, .from(0), .training),
            .choice(
                "pref_loss", Loss.sigmoid.rawValue,
                ["sigmoid", "hinge", "ipo", "kto_pair", "orpo", "simpo"], .training),
            .number("dpo_label_smoothing", 0, .from(0, upTo: 0.5), .training),
            .number("simpo_gamma", 0.5, .from(0), .training),
            .number("ld_alpha", nil, .from(0, upTo: 1), .training),
            .number("kto_chosen_weight", 1, .from(0), .training),
            .number("kto_rejected_weight", 1, .from(0), .training),
            .text("ref_model", nil, [.train]),
            .list("ref_model_adapters", nil, [.train]),
            .boolean("precompute_ref_log_probs", true, [.train]),
            .integer("precompute_ref_batch_size", nil, .from(1), [.train]),
            .text("precompute_ref_path", nil, [.train], isLocal: true),
        ],
        .dormant(["ref_model_quantization_bit"]))

    init(_ settings: ConfigurationSettings) {
        loss = settings.choice("pref_loss")
        beta = settings.number("pref_beta")
        answerWeight = settings.number("pref_ftx")
        classifierWeight = settings.number("pref_bco_weight")
        labelSmoothing = settings.number("dpo_label_smoothing")
        margin = settings.number("simpo_gamma")
        lengthWeight = settings.optionalNumber("ld_alpha")
        desirableWeight = settings.number("kto_chosen_weight")
        undesirableWeight = settings.number("kto_rejected_weight")
        refModel = settings.optionalText("ref_model")
        refModelAdapters = settings.list("ref_model_adapters")
        referenceBatchSize =
            settings.optionalInteger("precompute_ref_batch_size")
            ?? settings.integer("per_device_train_batch_size")
        referencePath = settings.optionalText("precompute_ref_path")
    }
}

extension PreferenceSection: ConfigurationSection {
    /// Keys of other stages, with what to say of them.
    private static let refused: [(key: String, reason: String)] = [
        ("packing", "each answer has its own row"),
        ("neat_packing", "each answer has its own row"),
        ("streaming", "answers are encoded as the run starts"),
        ("tokenized_path", "answers are encoded as the run starts"),
        ("predict_with_generate", "nothing is generated"),
        ("do_predict", "nothing is generated"),
        ("train_on_prompt", "answers alone are compared"),
        ("mask_history", "the last answer alone is compared"),
        ("label_smoothing_factor", "it is a loss of tokens; see dpo_label_smoothing"),
    ]

    private static let references = [
        "ref_model", "ref_model_adapters", "precompute_ref_log_probs",
        "precompute_ref_batch_size", "precompute_ref_path",
    ]

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) || settings.command == .prepare,
            settings.stage.learnsPreferences
        else { return }
        let stage = settings.stage.rawValue
        guard settings.command != .prepare else {
            throw settings.contradiction(
                ["stage"],
                "stage: \(stage) needs no preparing, its answers are encoded as the run starts")
        }
        for (key, reason) in refused where settings.isChanged(key) {
            if key == "do_predict", settings.stage == .ranking { continue }
            throw settings.contradiction(
                [key, "stage"], "it is not for stage: \(stage), where \(reason); leave it out")
        }
        if settings.isGiven("ref_model_quantization_bit") {
            throw settings.contradiction(
                ["ref_model_quantization_bit", "stage"],
                "the reference's log-probabilities are computed before the first step, so that its "
                    + "memory is free again; leave it out")
        }
        if settings.isGiven("ref_model_adapters"), !settings.isGiven("ref_model") {
            throw settings.contradiction(
                ["ref_model_adapters", "ref_model"],
                "adapters of a reference model need that model; set ref_model")
        }
        if settings.stage != .ranking, settings.isChanged("neftune_noise_alpha") {
            throw settings.contradiction(
                ["neftune_noise_alpha", "stage"],
                "policy and reference are compared without noise and dropout; leave it out")
        }
        if settings.stage == .preference {
            try checkLoss(settings)
        } else if settings.stage == .ranking {
            try checkRanking(settings)
        } else if settings.boolean("deterministic") {
            throw settings.contradiction(
                ["deterministic", "stage"], "stage: kto has \(unordered)")
        }
    }

    private static let unordered =
        "a mean over all ranks' answers in its loss, which is not summed in one order; leave one of "
        + "them out"

    /// Keys of pairs alone.
    private static let ofPairs = [
        "pref_loss", "pref_bco_weight", "dpo_label_smoothing", "simpo_gamma", "ld_alpha",
    ]
    private static let ofTags = ["kto_chosen_weight", "kto_rejected_weight"]

    private static func checkRanking(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        guard settings.finetuningType != .adapter else {
            throw settings.contradiction(
                ["finetuning_type", "stage"],
                "bottleneck adapters do not keep a value head; set finetuning_type to lora, freeze "
                    + "or full")
        }
    }

    private static func checkLoss(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let loss: Loss = settings.choice("pref_loss")
        if loss != .sigmoid, settings.number("dpo_label_smoothing") > 0 {
            throw settings.contradiction(
                ["dpo_label_smoothing", "pref_loss"],
                "it belongs to pref_loss: sigmoid; leave it out")
        }
        if !loss.needsReference, settings.number("pref_bco_weight") > 0 {
            throw settings.contradiction(
                ["pref_bco_weight", "pref_loss"],
                "it compares with a reference, which \(loss.rawValue) does without; leave it out")
        }
        guard settings.boolean("deterministic") else { return }
        let key = loss == .ktoPair ? "pref_loss" : "pref_bco_weight"
        if loss == .ktoPair || settings.number("pref_bco_weight") > 0 {
            throw settings.contradiction(
                ["deterministic", key], "\(key) has \(unordered)")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard Set.training.contains(settings.command) else { return }
        guard settings.stage.learnsPreferences else {
            let used: Set =
                settings.stage.learnsFromItsTexts ? ["ref_model", "ref_model_adapters"] : []
            settings.noteUnused(
                keys.filter { $0.support == .full && !used.contains($0.name) }.map(\.name),
                since: "stage is \(settings.stage.rawValue)")
            return
        }
        if settings.stage == .preference {
            noteLoss(&settings)
        } else if settings.stage == .ranking {
            settings.noteUnused(
                keys.filter { $0.support == .full }.map(\.name), since: "stage is rm")
        } else {
            settings.noteUnused(ofPairs, since: "stage is kto")
            noteReference(&settings)
        }
        settings.noteUnused(
            ["text_column", "compute_accuracy"],
            since: "with stage: \(settings.stage.rawValue) answers are compared")
    }

    private static func noteLoss(_ settings: inout ConfigurationSettings) {
        settings.noteUnused(ofTags, since: "stage is dpo")
        let loss: Loss = settings.choice("pref_loss")
        if loss != .simpo {
            settings.noteUnused(["simpo_gamma"], since: "pref_loss is \(loss.rawValue)")
        } else if !settings.isChanged("pref_beta") {
            settings.note(
                "pref_loss: simpo with pref_beta 0.1; its authors take 2.0 to 2.5, with simpo_gamma "
                    + "at half of that and a learning_rate of about 1e-6")
        }
        if [.hinge, .ipo, .ktoPair].contains(loss) {
            settings.note(
                "pref_loss: \(loss.rawValue) is that loss; LLaMA-Factory with its own versions of "
                    + "TRL trains sigmoid under this name")
        }
        if !loss.needsReference {
            settings.noteUnused(
                references, since: "pref_loss: \(loss.rawValue) has no reference")
        } else {
            noteReference(&settings)
        }
    }

    private static func noteReference(_ settings: inout ConfigurationSettings) {
        if settings.isGiven("ref_model") { return noteAhead(&settings) }
        if settings.finetuningType == .lora, !settings.list("adapter_name_or_path").isEmpty,
            !settings.boolean("create_new_adapter")
        {
            settings.note(
                "adapter_name_or_path: the reference is the model with this adapter as it is now; "
                    + "LLaMA-Factory compares with the model without it (for that set ref_model)")
        }
        noteAhead(&settings)
    }

    private static func noteAhead(_ settings: inout ConfigurationSettings) {
        guard !settings.boolean("precompute_ref_log_probs") else { return }
        settings.note(
            "precompute_ref_log_probs: false has no effect; the reference's log-probabilities are "
                + "always computed before the first step, which gives the same numbers")
    }
}
