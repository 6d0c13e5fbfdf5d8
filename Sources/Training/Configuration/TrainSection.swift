/// How long, how large, how fast, and with which optimizer.
package struct TrainSection: Sendable {
    /// The rule that turns gradients into updates.
    package enum OptimizerKind: String, Sendable {
        case adamw = "adamw_torch"
        case lion = "lion_32bit"
        case sgd
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
    package let weightDecay: Double
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

    static let keys = ConfigurationKey.joined(
        [
            .integer(
                "per_device_train_batch_size", 8, .from(1), .training,
                aliases: ["per_gpu_train_batch_size"]),
            .integer("gradient_accumulation_steps", 1, .from(1), .training),
            .number("learning_rate", 5e-5, .from(0), .training),
            .number("num_train_epochs", 3, .above(0), .training),
            .integer("max_steps", -1, .from(-1), .training),
            .choice(
                "lr_scheduler_type", "linear", ScheduleKind.allCases.map(\.rawValue),
                later: ["reduce_lr_on_plateau", "greedy"], .training),
            .map("lr_scheduler_kwargs", .training),
            .number("warmup_ratio", 0, .from(0, upTo: 1), .training),
            .number("warmup_steps", 0, .from(0), .training),
            .choice(
                "optim", "adamw_torch", ["adamw_torch", "lion_32bit", "sgd"],
                later: [
                    "adafactor", "adamw_8bit", "adamw_bnb_8bit", "lion_8bit", "paged_adamw_32bit",
                    "paged_adamw_8bit", "paged_lion_32bit", "paged_lion_8bit", "adagrad",
                    "rmsprop", "adamw_anyprecision", "galore_adamw", "apollo_adamw", "lomo",
                    "adalomo", "grokadamw", "schedule_free_adamw", "stable_adamw",
                ],
                synonyms: [
                    "adamw": "adamw_torch", "adamw_torch_fused": "adamw_torch",
                    "adamw_hf": "adamw_torch", "adamw_torch_xla": "adamw_torch",
                    "adamw_apex_fused": "adamw_torch", "lion": "lion_32bit",
                ], .training),
            .number("adam_beta1", 0.9, .from(0, below: 1), .training),
            .number("adam_beta2", 0.999, .from(0, below: 1), .training),
            .number("adam_epsilon", 1e-8, .above(0), .training),
            .number("sgd_momentum", 0, .from(0, below: 1), .training),
            .number("weight_decay", 0, .from(0), .training),
            .number("max_grad_norm", 1, .from(0), .training),
            .integer("seed", 42, .from(0), .drawing),
            .integer("data_seed", nil, .from(0), .samples),
            .integer("max_skipped_steps", 5, .from(1), .training),
            .number("loss_scale_init", 65536, .above(0), .training),
            .integer("loss_scale_window", 2000, .from(1), .training),
            .integer("loss_scale_hysteresis", 1, .from(1), .training),
            .number("loss_scale_min", 1, .above(0), .training),
            .list("fault_injection", nil, [.train]),
        ],
        .later(
            "leave it out",
            [
                "neftune_noise_alpha", "label_smoothing_factor", "optim_args",
                "optim_target_modules", "auto_find_batch_size",
            ]),
        .noEffect(
            "losses are always divided by the targets of all ranks and micro-batches",
            ["average_tokens_across_devices"]))

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
        weightDecay = settings.number("weight_decay")
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
