/// How a policy learns from its own answers: `stage: ppo`.
package struct ProximalPolicySection: Sendable {
    /// Steps' worth of answers that are written at once.
    package let bufferSize: Int
    /// Passes over them.
    package let epochs: Int
    /// Whether scores are scaled by the mean and deviation of all scores so far.
    package let normalizesScores: Bool
    /// The distance from the reference that is kept to, of an answer.
    package let target: Double
    /// Whether rewards are scaled to variance 1 before advantages are computed.
    package let whitensRewards: Bool

    static let keys: [ConfigurationKey] = [
        .integer("ppo_buffer_size", 1, .from(1).within(1_000_000), .training),
        .integer("ppo_epochs", 4, .from(1).within(1_000_000), .training),
        .boolean("ppo_score_norm", false, .training),
        .number("ppo_target", 6, .above(0), .training),
        .boolean("ppo_whiten_rewards", false, .training),
    ]

    init(_ settings: ConfigurationSettings) {
        bufferSize = settings.integer("ppo_buffer_size")
        epochs = settings.integer("ppo_epochs")
        normalizesScores = settings.boolean("ppo_score_norm")
        target = settings.number("ppo_target")
        whitensRewards = settings.boolean("ppo_whiten_rewards")
    }

    /// Optimizer steps that learn from a rollout.
    package var stepsPerRollout: Int { bufferSize * epochs }
}

extension ProximalPolicySection: ConfigurationSection {
    /// Keys of other stages, with what to say of them.
    private static let refused: [(key: String, reason: String)] = [
        ("packing", "each answer has its own row"),
        ("neat_packing", "each answer has its own row"),
        ("streaming", "prompts are encoded as the run starts"),
        ("tokenized_path", "prompts are encoded as the run starts"),
        ("predict_with_generate", "evaluations score what is written"),
        ("do_predict", "evaluations score what is written"),
        ("train_on_prompt", "answers alone are learned"),
        ("mask_history", "the answer that is written alone is learned"),
        ("label_smoothing_factor", "it is a loss of given tokens"),
        ("neftune_noise_alpha", "the policy is compared with itself without noise"),
        ("train_from_scratch", "a policy begins as a model that writes answers"),
        ("ref_model_quantization_bit", "the reference is read as its files have it"),
        ("dataloader_drop_last", "a rollout is filled up with the next epoch's prompts"),
        ("group_by_length", "how long an answer is, is not known before it is written"),
        ("balance", "each rank learns from the answers that it has written"),
        ("deterministic", "how many answers are written together depends on the ranks"),
    ]

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings.stage == .policy else { return }
        guard settings.command != .prepare else {
            throw settings.contradiction(
                ["stage"],
                "stage: ppo needs no preparing, its prompts are encoded as the run starts")
        }
        guard Set.training.contains(settings.command) else { return }
        for (key, reason) in refused where settings.isChanged(key) {
            throw settings.contradiction(
                [key, "stage"], "it is not for stage: ppo, where \(reason); leave it out")
        }
        if settings.isGiven("ref_model_adapters"), !settings.isGiven("ref_model") {
            throw settings.contradiction(
                ["ref_model_adapters", "ref_model"],
                "adapters of a reference model need that model; set ref_model")
        }
        guard [.full, .freeze, .lora, .oft, .boft, .ia3].contains(settings.finetuningType) else {
            throw settings.contradiction(
                ["finetuning_type", "stage"],
                "\(settings.finetuningType.rawValue) does not keep a value head; set finetuning_type "
                    + "to lora, freeze or full")
        }
        guard settings.command == .train, settings.integer("num_beams") > 1 else { return }
        throw settings.contradiction(
            ["num_beams", "stage"], "answers to learn from are drawn; leave it out")
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard Set.training.contains(settings.command) else { return }
        guard settings.stage == .policy else {
            settings.noteUnused(keys.map(\.name), since: "stage is \(settings.stage.rawValue)")
            return
        }
        guard settings.command == .train else { return }
        settings.noteUnused(
            ["text_column", "compute_accuracy"], since: "with stage: ppo answers are scored")
        let draws = settings.boolean("do_sample") && settings.number("temperature") > 0
        guard draws else {
            return settings.note(
                "do_sample: false or temperature 0: each prompt has one answer, so that the policy "
                    + "sees nothing that may be better")
        }
        guard
            settings.number("temperature") != 1 || settings.number("top_p") < 1
                || settings.integer("top_k") > 0 || settings.number("repetition_penalty") != 1
        else { return }
        settings.note(
            "temperature, top_p, top_k: answers are drawn otherwise than the policy's own "
                + "probabilities have it, by which they are weighed, as in LLaMA-Factory; "
                + "temperature: 1, top_p: 1, top_k: 0 would be exact")
    }
}
