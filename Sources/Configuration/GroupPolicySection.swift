/// How a model learns from rewards of what it writes: `stage: grpo`.
package struct GroupPolicySection: Sendable {
    /// How tokens become one loss.
    package enum Loss: String, CaseIterable, Sendable {
        case grpo, bnpo, dapo, cispo, gspo
        case drGRPO = "dr_grpo"
    }

    /// What rewards' differences from their group's mean are divided by.
    package enum Scale: String, CaseIterable, Sendable {
        case group, batch, none
    }

    /// Completions of a prompt.
    package let samples: Int
    package let loss: Loss
    package let scale: Scale
    package let beta: Double
    package let lowerClip: Double
    package let upperClip: Double
    /// Steps that learn from a rollout.
    package let iterations: Int
    /// Whether completions that were cut at their greatest length are not learned from.
    package let masksTruncated: Bool
    /// As written: a word, or a word, a colon and more.
    package let rewards: [String]
    /// One for each reward.
    package let rewardWeights: [Double]
    /// The column of the right answers; `nil` for the rows' own answers.
    package let answerColumn: String?
    /// Completions that each logged step writes down.
    package let loggedCompletions: Int
    /// Seconds that a program has for one score, and a server between two bytes.
    package let rewardTimeout: Double

    private static let ownAnswer = "response"

    static let keys: [ConfigurationKey] = [
        .integer("grpo_num_generations", 8, .from(2), .training),
        .number("grpo_beta", 0, .from(0), .training),
        .number("grpo_epsilon", 0.2, .above(0), .training),
        .number("grpo_epsilon_high", nil, .above(0), .training),
        .choice(
            "grpo_loss", Loss.dapo.rawValue,
            ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo"], .training),
        .choice("grpo_scale_rewards", Scale.group.rawValue, ["group", "batch", "none"], .training),
        .integer("grpo_iterations", 1, .from(1), .training),
        .boolean("grpo_mask_truncated", false, .training),
        .list("grpo_reward", nil, .training),
        .list("grpo_reward_weights", nil, .training),
        .text("grpo_answer", ownAnswer, .training),
        .integer("grpo_log_completions", 2, .from(0), [.train]),
        .number("grpo_reward_timeout", 60, .above(0), [.train]),
    ]

    init(_ settings: ConfigurationSettings) {
        samples = settings.integer("grpo_num_generations")
        loss = settings.choice("grpo_loss")
        scale = settings.choice("grpo_scale_rewards")
        beta = settings.number("grpo_beta")
        lowerClip = settings.number("grpo_epsilon")
        upperClip = settings.optionalNumber("grpo_epsilon_high") ?? lowerClip
        iterations = settings.integer("grpo_iterations")
        masksTruncated = settings.boolean("grpo_mask_truncated")
        rewards = settings.list("grpo_reward")
        let weights = settings.list("grpo_reward_weights").compactMap(Double.init)
        rewardWeights = weights.isEmpty ? rewards.map { _ in 1 } : weights
        let column = settings.text("grpo_answer")
        answerColumn = column == Self.ownAnswer ? nil : column
        loggedCompletions = settings.integer("grpo_log_completions")
        rewardTimeout = settings.number("grpo_reward_timeout")
    }
}

extension GroupPolicySection: ConfigurationSection {
    /// Where a key of generation is not given: what TRL's GRPO draws completions with.
    private static let sampling: [(key: String, value: Setting)] = [
        ("temperature", .number(1)), ("top_p", .number(1)), ("top_k", .integer(0)),
        ("max_new_tokens", .integer(512)),
    ]

    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        guard settings.stage == .groupPolicy else { return }
        for (key, value) in sampling where !settings.isGiven(key) {
            settings.resolve(key, value)
        }
        // What the authors of these losses take; the others' interval would hold all ratios or none.
        let loss: Loss = settings.choice("grpo_loss")
        if loss == .gspo {
            if !settings.isGiven("grpo_epsilon") { settings.resolve("grpo_epsilon", .number(3e-4)) }
            if !settings.isGiven("grpo_epsilon_high"), !settings.isGiven("grpo_epsilon") {
                settings.resolve("grpo_epsilon_high", .number(4e-4))
            }
        } else if loss == .cispo, !settings.isGiven("grpo_epsilon_high") {
            settings.resolve("grpo_epsilon_high", .number(5))
        }
    }

    /// Keys of other stages, with what to say of them.
    private static let refused: [(key: String, reason: String)] = [
        ("packing", "each completion has its own row"),
        ("neat_packing", "each completion has its own row"),
        ("streaming", "prompts are encoded as the run starts"),
        ("tokenized_path", "prompts are encoded as the run starts"),
        ("predict_with_generate", "evaluation rewards what is generated in any case"),
        ("do_predict", "held-out prompts are continued by evaluations (do_eval)"),
        ("train_on_prompt", "completions alone are learned from"),
        ("mask_history", "completions alone are learned from"),
        ("label_smoothing_factor", "it is a loss of right answers"),
        ("neftune_noise_alpha", "completions are written and learned from without noise"),
        ("dataloader_drop_last", "steps are filled up with the next epoch's prompts"),
        ("balance", "each rank learns from the completions that it has written"),
        ("ref_model_quantization_bit", "the reference is read as it is"),
    ]

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) || settings.command == .prepare,
            settings.stage == .groupPolicy
        else { return }
        guard settings.command != .prepare else {
            throw settings.contradiction(
                ["stage"],
                "stage: grpo needs no preparing, its prompts are encoded as the run starts")
        }
        for (key, reason) in refused where settings.isChanged(key) {
            throw settings.contradiction(
                [key, "stage"], "it is not for stage: grpo, where \(reason); leave it out")
        }
        if settings.command == .train, settings.list("grpo_reward").isEmpty {
            throw .missing(
                key: "grpo_reward",
                reason: "say what completions are rewarded for: exact_match, numeric, contains, "
                    + "regex:PATTERN, json, think_format, length, command:PROGRAM, api:ADDRESS or "
                    + "model")
        }
        if settings.optionalBoolean("group_by_length") == true {
            throw settings.contradiction(
                ["group_by_length", "train_sampling_strategy", "stage"],
                "a step takes the prompts that come next, whatever their lengths; leave it out")
        }
        try checkWeights(settings)
        try checkDrawing(settings)
        try checkBatch(settings)
        if settings.isGiven("ref_model"), settings.number("grpo_beta") == 0 {
            throw settings.contradiction(
                ["ref_model", "grpo_beta"],
                "without a divergence nothing is compared with a reference; set grpo_beta, or leave "
                    + "it out")
        }
        if settings.isGiven("ref_model_adapters"), !settings.isGiven("ref_model") {
            throw settings.contradiction(
                ["ref_model_adapters", "ref_model"],
                "adapters of a reference model need that model; set ref_model")
        }
    }

    private static func checkWeights(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let (rewards, weights) = (
            settings.list("grpo_reward"), settings.list("grpo_reward_weights")
        )
        if let wrong = weights.first(where: { Double($0)?.isFinite != true }) {
            throw settings.contradiction(
                ["grpo_reward_weights"], "found '\(wrong)', expected a number for each reward")
        }
        guard weights.isEmpty || weights.count == rewards.count else {
            throw settings.contradiction(
                ["grpo_reward_weights", "grpo_reward"],
                "\(weights.count) weights for \(rewards.count) rewards, expected one for each")
        }
    }

    private static func checkDrawing(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        guard settings.boolean("do_sample"), settings.number("temperature") > 0 else {
            throw settings.contradiction(
                [settings.boolean("do_sample") ? "temperature" : "do_sample", "stage"],
                "completions of a prompt would all be the same, with nothing to tell them apart; draw "
                    + "them with do_sample: true and a temperature above 0")
        }
        guard settings.integer("num_beams") == 1 else {
            throw settings.contradiction(
                ["num_beams", "stage"], "completions are drawn one by one; leave it out")
        }
    }

    /// A prompt's completions are one rank's, of one step.
    private static func checkBatch(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let batch = settings.integer("per_device_train_batch_size")
        let accumulation = settings.integer("gradient_accumulation_steps")
        let samples = settings.integer("grpo_num_generations")
        guard batch.multipliedReportingOverflow(by: accumulation).partialValue % samples == 0 else {
            throw settings.contradiction(
                [
                    "per_device_train_batch_size", "gradient_accumulation_steps",
                    "grpo_num_generations",
                ],
                "a rank's completions of a step, \(batch) times \(accumulation), must be a multiple "
                    + "of the \(samples) of each prompt")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard Set.training.contains(settings.command) else { return }
        guard settings.stage == .groupPolicy else {
            settings.noteUnused(
                keys.filter { $0.support == .full }.map(\.name),
                since: "stage is \(settings.stage.rawValue)")
            return
        }
        settings.noteUnused(
            ["compute_accuracy", "skip_special_tokens"],
            since: "with stage: grpo completions are rewarded")
        guard settings.command == .train else { return }
        let whole: [(key: String, value: Setting)] = [
            ("top_p", .number(1)), ("top_k", .integer(0)), ("repetition_penalty", .number(1)),
        ]
        let changed = whole.filter { settings[$0.key] != $0.value }.map(\.key)
        if !changed.isEmpty {
            settings.note(
                "\(changed.joined(separator: ", ")): completions are drawn from fewer tokens than the "
                    + "policy has, whose probabilities the loss takes; top_p 1, top_k 0 and "
                    + "repetition_penalty 1 keep both the same")
        }
    }
}

extension GroupPolicySection {
    /// Names of rewards in logs, in their order: the word that asks for one, numbered where it asks for
    /// several.
    package static func names(_ rewards: [String]) -> [String] {
        var seen: [String: Int] = [:]
        return rewards.map { text in
            let word = String(text.prefix { $0 != ":" })
            seen[word, default: 0] += 1
            let number = seen[word] ?? 1
            return number == 1 ? word : "\(word)_\(number)"
        }
    }

    /// Figures of held-out prompts, without their prefix.
    static func evaluationFigures(_ rewards: [String]) -> [String] {
        ["reward"] + names(rewards).map { "rewards/\($0)/mean" }
            + ["completions/mean_length", "completions/clipped_ratio"]
    }
}
