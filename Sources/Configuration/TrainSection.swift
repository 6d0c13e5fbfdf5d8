package import Optimizers

/// How long, how large, how fast, and with which optimizer.
package struct TrainSection: Sendable {
    /// The rule that turns gradients into updates.
    package enum OptimizerKind: String, Sendable {
        case adamw = "adamw_torch"
        case lion = "lion_32bit"
        case sgd, adafactor, muon
        case adamMini = "adam_mini"
        case galore = "galore_adamw"
        case apollo = "apollo_adamw"
        case badam
    }

    package let perDeviceTrainBatchSize: Int
    package let gradientAccumulationSteps: Int
    package let learningRate: Double
    package let numTrainEpochs: Double
    /// The number of optimizer steps; `nil` leaves it to the epochs.
    package let maxSteps: Int?
    /// Steps over which the rate rises from 0; warmup_steps wins over warmup_ratio.
    package let warmup: StepCount
    package let schedule: ScheduleKind
    package let scheduleOptions: ScheduleOptions
    package let optimizer: OptimizerKind
    package let adamBeta1: Double
    package let adamBeta2: Double
    package let adamEpsilon: Double
    package let sgdMomentum: Double
    /// Whether Adam's moments are divided by 1 − βᵗ.
    package let correctsBias: Bool
    /// Whether Adafactor's rate of a parameter follows its size, as in T5's own training.
    package let adafactorScalesByParameter: Bool
    package let weightDecay: Double
    /// How much noise embeddings get in training; 0 for none.
    package let neftuneNoiseAlpha: Double
    /// The largest global gradient norm; `nil` means gradients are not clipped.
    package let maxGradNorm: Double?
    /// Seed of weights, dropout and, unless data_seed is given, of the sample order.
    package let seed: Int
    package let dataSeed: Int
    /// Non-finite steps in a row after which the run stops.
    package let maxSkippedSteps: Int
    package let lossScaling: DynamicLossScale.Options
    /// Faults to provoke in tests, as written.
    package let faultInjection: [String]

    /// Samples of a step over all ranks, of which a rank has at most ``ConfigurationRules/mostSamples``.
    package func globalBatch(ranks: Int) -> Int {
        perDeviceTrainBatchSize * gradientAccumulationSteps * ranks
    }

    static let keys = ConfigurationKey.joined(
        [
            .integer(
                "per_device_train_batch_size", 8, .from(1).within(1e6), .training,
                aliases: ["per_gpu_train_batch_size"]),
            .integer("gradient_accumulation_steps", 1, .from(1).within(1e6), .training),
            .number("learning_rate", 5e-5, .from(0), .training),
            .number("num_train_epochs", 3, .above(0).within(1e6), .training),
            .integer("max_steps", -1, .from(-1), .training),
            .choice(
                "lr_scheduler_type", "linear", ScheduleKind.allCases.map(\.rawValue),
                later: ["greedy"], .training),
            .map("lr_scheduler_kwargs", .training),
            .number("warmup_ratio", 0, .from(0, upTo: 1), .training),
            .number("warmup_steps", 0, .from(0).within(1e15), .training),
            .choice(
                "optim", OptimizerKind.adamw.rawValue,
                [
                    "adamw_torch", "lion_32bit", "sgd", "adafactor", "muon", "adam_mini",
                    "galore_adamw", "apollo_adamw", "badam",
                ],
                later: [
                    "adagrad", "rmsprop", "rmsprop_bnb", "rmsprop_bnb_8bit",
                    "rmsprop_bnb_32bit", "adamw_anyprecision", "ademamix", "ademamix_8bit",
                    "paged_ademamix_8bit", "paged_ademamix_32bit", "galore_adafactor",
                    "galore_adafactor_layerwise", "lomo", "adalomo", "grokadamw",
                    "schedule_free_adamw", "schedule_free_radam", "schedule_free_sgd",
                    "stable_adamw",
                ],
                synonyms: [
                    "adamw": "adamw_torch", "adamw_torch_fused": "adamw_torch",
                    "adamw_hf": "adamw_torch", "adamw_torch_xla": "adamw_torch",
                    "adamw_apex_fused": "adamw_torch", "adamw_torch_npu_fused": "adamw_torch",
                    "lion": "lion_32bit", "galore_adamw_layerwise": "galore_adamw",
                    "apollo_adamw_layerwise": "apollo_adamw",
                ].merging(compactOptimizers) { first, _ in first }, .training),
            .number("adam_beta1", 0.9, .from(0, below: 1), .training),
            .number("adam_beta2", 0.999, .from(0, below: 1), .training),
            .number("adam_epsilon", 1e-8, .above(0), .training),
            .number("sgd_momentum", 0, .from(0, below: 1), .training),
            .boolean("correct_bias", true, .training),
            .boolean("adafactor_scale_parameter", false, .training),
            .number("weight_decay", 0, .from(0), .training),
            .number("neftune_noise_alpha", 0, .from(0), .training),
            .number("max_grad_norm", 1, .from(0), .training),
            .integer("seed", 42, .from(0).within(4_294_967_295), Set.drawing.union([.eval])),
            .integer("data_seed", nil, .from(0).within(4_294_967_295), .samples),
            .integer("max_skipped_steps", 5, .from(1), .training),
            .number("loss_scale_init", 65536, .above(0), .training),
            .integer("loss_scale_window", 2000, .from(1), .training),
            .integer("loss_scale_hysteresis", 1, .from(1), .training),
            .number("loss_scale_min", 1, .above(0), .training),
            .list("fault_injection", nil, [.train]),
            .boolean("average_tokens_across_devices", true, .training),
        ],
        .noEffect(
            "a batch is never halved: one that needs more memory than there is ends the run, and "
                + "`lockstep plan` tells beforehand what it needs", ["auto_find_batch_size"]))

    /// Names of optimizers whose state is rounded to 8 bits or moved out of a GPU's memory, by
    /// the optimizer with the same rule and float32 state.
    static let compactOptimizers = [
        "adamw_8bit": "adamw_torch", "adamw_bnb_8bit": "adamw_torch",
        "adamw_torch_8bit": "adamw_torch", "adamw_torch_4bit": "adamw_torch",
        "paged_adamw": "adamw_torch", "paged_adamw_8bit": "adamw_torch",
        "paged_adamw_32bit": "adamw_torch", "lion_8bit": "lion_32bit",
        "paged_lion": "lion_32bit", "paged_lion_8bit": "lion_32bit",
        "paged_lion_32bit": "lion_32bit", "galore_adamw_8bit": "galore_adamw",
        "galore_adamw_8bit_layerwise": "galore_adamw",
    ]

    init(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        perDeviceTrainBatchSize = settings.integer("per_device_train_batch_size")
        gradientAccumulationSteps = settings.integer("gradient_accumulation_steps")
        learningRate = settings.number("learning_rate")
        numTrainEpochs = settings.number("num_train_epochs")
        let steps = settings.integer("max_steps")
        maxSteps = steps > 0 ? steps : nil
        let warmupSteps = settings.number("warmup_steps")
        warmup =
            warmupSteps > 0
            ? StepCount(warmupSteps) : .fraction(settings.number("warmup_ratio"))
        schedule = settings.choice("lr_scheduler_type")
        scheduleOptions = try ScheduleOptions(
            settings.map("lr_scheduler_kwargs"), for: schedule, learningRate: learningRate,
            place: settings.place("lr_scheduler_kwargs"))
        optimizer = settings.choice("optim")
        adamBeta1 = settings.number("adam_beta1")
        adamBeta2 = settings.number("adam_beta2")
        adamEpsilon = settings.number("adam_epsilon")
        sgdMomentum = settings.number("sgd_momentum")
        correctsBias = settings.boolean("correct_bias")
        adafactorScalesByParameter = settings.boolean("adafactor_scale_parameter")
        weightDecay = settings.number("weight_decay")
        neftuneNoiseAlpha = settings.number("neftune_noise_alpha")
        let norm = settings.number("max_grad_norm")
        maxGradNorm = norm > 0 ? norm : nil
        seed = settings.integer("seed")
        dataSeed = settings.optionalInteger("data_seed") ?? seed
        maxSkippedSteps = settings.integer("max_skipped_steps")
        lossScaling = DynamicLossScale.Options(
            initial: settings.number("loss_scale_init"),
            window: settings.integer("loss_scale_window"),
            hysteresis: settings.integer("loss_scale_hysteresis"),
            minimum: settings.number("loss_scale_min"),
            maxSkippedSteps: settings.integer("max_skipped_steps"))
        faultInjection = settings.list("fault_injection")
    }
}

extension TrainSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        if settings.number("loss_scale_init") < settings.number("loss_scale_min") {
            throw settings.contradiction(
                ["loss_scale_init", "loss_scale_min"],
                "the scale cannot begin below its minimum")
        }
        try checkSchedule(settings)
        for (key, kind) in [
            ("correct_bias", OptimizerKind.adamw), ("adafactor_scale_parameter", .adafactor),
            ("sgd_momentum", .sgd),
        ] where settings.isChanged(key) && settings.text("optim") != kind.rawValue {
            throw settings.contradiction(
                [key, "optim"], "it belongs to optim: \(kind.rawValue); leave it out")
        }
    }

    /// A schedule that follows evaluations needs some.
    private static func checkSchedule(_ settings: ConfigurationSettings) throws(ConfigurationError)
    {
        guard settings.command == .train, settings.followsMetric else { return }
        if settings.isGiven("loraplus_lr_ratio"),
            settings.map("lr_scheduler_kwargs")["min_lr"] != nil
        {
            throw .contradiction(
                keys: ["lr_scheduler_kwargs", "loraplus_lr_ratio"],
                reason: "a min_lr for two rates is not supported; leave one of them out",
                place: settings.place("loraplus_lr_ratio"))
        }
        guard settings.evalStrategy == .no else { return }
        throw .contradiction(
            keys: ["lr_scheduler_type", "eval_strategy"],
            reason: "reduce_lr_on_plateau follows evaluations; set eval_strategy to steps or epoch",
            place: settings.place("lr_scheduler_type"))
    }

    static func note(_ settings: inout ConfigurationSettings) {
        let steps = settings.integer("max_steps")
        if steps > 0, settings.isChanged("num_train_epochs") {
            settings.note(
                "num_train_epochs: not used, since max_steps is \(steps)")
        }
        if settings.number("warmup_steps") > 0, settings.number("warmup_ratio") > 0 {
            settings.note(
                "warmup_ratio: not used, since warmup_steps is " + settings.plain("warmup_steps"))
        }
        if steps > 0, settings.number("warmup_steps") > Double(steps) {
            settings.note(
                "warmup_steps: \(settings.plain("warmup_steps")) of only \(steps) steps, "
                    + "so the rate never reaches learning_rate")
        }
        let scaling = [
            "loss_scale_init", "loss_scale_window", "loss_scale_hysteresis", "loss_scale_min",
        ].filter(settings.isChanged)
        if !scaling.isEmpty,
            settings.choice("precision", as: ComputeSection.Precision.self) != .fp16
        {
            settings.note(
                scaling.joined(separator: ", ") + ": not used, since only fp16 scales losses")
        }
        if let name = settings.spelling("optim"), TrainSection.compactOptimizers[name] != nil {
            settings.note(
                "optim: \(name) runs as \(settings.text("optim")) with float32 state; 8-bit and "
                    + "paged states are for the memory of GPUs")
        }
        if settings.isGiven("average_tokens_across_devices"),
            !settings.boolean("average_tokens_across_devices")
        {
            settings.note(
                "average_tokens_across_devices: no effect here; losses are always divided by the "
                    + "targets of all ranks and micro-batches")
        }
        if settings.followsMetric {
            settings.noteUnused(
                ["warmup_steps", "warmup_ratio"],
                since: "reduce_lr_on_plateau begins at learning_rate")
        }
    }
}
