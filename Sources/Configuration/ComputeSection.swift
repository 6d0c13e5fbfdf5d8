/// How a rank computes, and how ranks add up their gradients.
package struct ComputeSection: Sendable {
    /// The numbers of matrix products and activations; masters, norms and losses are float32.
    package enum Precision: String, Sendable {
        case fp32, bf16, fp16
    }

    /// The numbers in which gradients travel.
    package enum WirePrecision: String, Sendable {
        case fp32, bf16
    }

    package let precision: Precision
    /// Threads of each rank; `nil` divides the node's processors among its ranks.
    package let threadsPerRank: Int?
    /// Threads of each rank of a training run; as ``threadsPerRank``, but one where the number of ranks
    /// must not change a bit and no number is given: sums over threads depend on how many there are.
    package var trainingThreadsPerRank: Int? { threadsPerRank ?? (deterministic ? 1 : nil) }
    /// 1 divides optimizer state among ranks, 0 keeps it whole on each; `nil` divides it where all
    /// ranks share a host: there it takes less time, too.
    package let zeroStage: Int?
    /// The size of a gradient bucket, in mebibytes.
    package let bucketMB: Double
    /// Whether gradients may be summed while backward goes on.
    package let overlapCommunication: Bool
    /// Whether that is left to a measurement of what it gains.
    package let measuresOverlap: Bool
    package let wirePrecision: WirePrecision
    /// Whether the same bits come out on 1, 2, 4 and 8 ranks.
    package let deterministic: Bool
    /// Whether ranks take shares of a step's micro-batches by their speed, not equally many.
    package let balance: Bool
    /// Matrix-product peak of one rank in GFLOP/s, for MFU; `nil` has it measured.
    package let peakGFLOPS: Double?
    /// Seconds for which ranks that wait in a collective wait for the others before the run ends.
    package let ddpTimeout: Double

    static let keys = ConfigurationKey.joined(
        [
            .choice(
                "precision", nil, ["fp32", "bf16", "fp16"],
                synonyms: [
                    "float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "32": "fp32",
                    "bf16-mixed": "bf16", "16-mixed": "fp16", "32-true": "fp32",
                ], .training),
            .boolean("bf16", nil, .training),
            .boolean("fp16", nil, .training),
            .boolean("pure_bf16", false, .training),
            .integer("threads_per_rank", nil, .from(1).within(4096), .all, isLocal: true),
            .integer("zero_stage", nil, .from(0, upTo: 3), .training),
            .number("bucket_mb", 25, .above(0, upTo: 2047), .training),
            .boolean("overlap_communication", nil, .training),
            .choice(
                "wire_precision", "fp32", ["fp32", "bf16"],
                synonyms: ["float32": "fp32", "bfloat16": "bf16"], .training),
            .boolean("deterministic", false, .training),
            .boolean("balance", false, [.train]),
            .number("peak_gflops", nil, .above(0), [.train, .bench], isLocal: true),
            .number(
                "ddp_timeout", 1800, .above(0, upTo: 1e12), [.train, .prepare, .eval],
                isLocal: true),
        ],
        .noEffect(
            "ranks come from mpirun or srun; zero_stage, bucket_mb and overlap_communication say "
                + "how they work together",
            [
                "deepspeed", "fsdp", "fsdp_config", "fsdp_min_num_params",
                "fsdp_transformer_layer_cls_to_wrap", "ddp_backend",
                "ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers",
                "ddp_static_graph", "local_rank", "accelerator_config", "parallelism_config",
                "ray_run_name", "ray_storage_path", "ray_storage_filesystem", "ray_num_workers",
                "resources_per_worker", "placement_strategy", "ray_init_kwargs",
            ]),
        .noEffect(
            "runs compute on processors, in the way precision and deterministic say",
            [
                "use_cpu", "no_cuda", "use_mps_device", "tf32", "half_precision_backend",
                "fp16_backend", "fp16_opt_level", "torch_compile", "torch_compile_backend",
                "torch_compile_mode", "torch_empty_cache_steps", "use_ipex", "jit_mode_eval",
                "full_determinism", "debug", "skip_memory_metrics",
            ]))

    init(_ settings: ConfigurationSettings) {
        precision = settings.choice("precision")
        threadsPerRank = settings.optionalInteger("threads_per_rank")
        zeroStage = settings.optionalInteger("zero_stage")
        bucketMB = settings.number("bucket_mb")
        let overlap = settings.optionalBoolean("overlap_communication")
        overlapCommunication = overlap ?? true
        measuresOverlap = overlap == nil
        wirePrecision = settings.choice("wire_precision")
        deterministic = settings.boolean("deterministic")
        balance = settings.boolean("balance")
        peakGFLOPS = settings.optionalNumber("peak_gflops")
        ddpTimeout = settings.number("ddp_timeout")
    }
}

extension ComputeSection: ConfigurationSection {
    /// What precision, bf16, fp16, pure_bf16 and fp8 say together.
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        let bf16 = settings.optionalBoolean("bf16")
        let fp16 = settings.optionalBoolean("fp16")
        let pure = settings.boolean("pure_bf16")
        func contradiction(_ keys: [String], _ reason: String) -> ConfigurationError {
            .contradiction(keys: keys, reason: reason, place: settings.place(keys[1]))
        }
        if fp16 == true, bf16 == true {
            throw contradiction(["bf16", "fp16"], "only one of them can be true")
        }
        if pure, fp16 == true || bf16 == false {
            throw contradiction(
                [fp16 == true ? "fp16" : "bf16", "pure_bf16"], "pure_bf16 contradicts it")
        }
        let isFP8 = settings.boolean("fp8")
        if isFP8, fp16 == true || bf16 == false {
            throw contradiction(
                [fp16 == true ? "fp16" : "bf16", "fp8"], "fp8: true runs in bf16 here")
        }
        let flagged: Precision =
            bf16 == true || pure || isFP8 ? .bf16 : fp16 == true ? .fp16 : .fp32
        let precision: Precision = settings.optionalChoice("precision") ?? flagged
        if precision != flagged, flagged != .fp32 {
            throw contradiction(
                [
                    pure ? "pure_bf16" : isFP8 && bf16 != true ? "fp8" : flagged.rawValue,
                    "precision",
                ],
                "\(flagged.rawValue): true contradicts precision: \(precision.rawValue)")
        }
        for (flag, value) in [(Precision.bf16, bf16), (.fp16, fp16)] where value == false {
            guard precision == flag else { continue }
            throw contradiction(
                [flag.rawValue, "precision"],
                "\(flag.rawValue): false contradicts precision: \(precision.rawValue)")
        }
        if isFP8 {
            settings.note(
                "fp8: runs in bf16, as bf16: true does; processors have no 8-bit products")
        }
        if pure { settings.note("pure_bf16: runs as bf16: true; master weights stay float32") }
        settings.resolve("precision", .text(precision.rawValue))
        settings.resolve("bf16", .boolean(precision == .bf16))
        settings.resolve("fp16", .boolean(precision == .fp16))
        settings.resolve("pure_bf16", .boolean(false))
    }

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        if let stage = settings.optionalInteger("zero_stage"), stage > 1 {
            throw .notSupportedYet(
                key: "zero_stage", value: String(stage),
                advice: "use 0, or 1 to divide optimizer state among ranks",
                place: settings.place("zero_stage"))
        }
        if settings.boolean("deterministic"),
            settings.choice("wire_precision", as: WirePrecision.self) == .bf16
        {
            throw settings.contradiction(
                ["deterministic", "wire_precision"],
                "bf16 rounds each rank's sum, so the bits depend on how many ranks there are; keep "
                    + "one")
        }
        try checkBalance(settings)
    }

    private static func checkBalance(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        guard settings.command == .train, settings.boolean("balance") else { return }
        guard !settings.boolean("deterministic") else {
            throw settings.contradiction(
                ["balance", "deterministic"],
                "sums in a fixed tree need ranks of equal shares; keep one")
        }
        guard settings.integer("gradient_accumulation_steps") > 1 else {
            throw settings.contradiction(
                ["balance", "gradient_accumulation_steps"],
                "whole micro-batches are divided by speed, and 1 a rank leaves nothing to divide; "
                    + "set gradient_accumulation_steps to 4 or more (and "
                    + "per_device_train_batch_size lower), or leave balance out")
        }
    }
}
