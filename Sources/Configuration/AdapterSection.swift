/// What finetuning adds to a model, or which of its layers it changes.
package struct AdapterSection: Sendable {
    /// Folders of adapters; all but the last are merged into the model.
    package let adapterNameOrPath: [String]
    /// Whether all given adapters are merged and a new one is trained.
    package let createNewAdapter: Bool
    package let loraRank: Int
    /// Twice the rank unless given.
    package let loraAlpha: Double
    package let loraDropout: Double
    /// `all`, names of linear layers, or one regular expression.
    package let loraTarget: [String]
    /// Modules that are trained whole beside the adapter.
    package let additionalTarget: [String]
    package let useRSLoRA: Bool
    package let useDoRA: Bool
    /// The rate of LoRA's B over that of A; `nil` leaves them equal.
    package let loraPlusRatio: Double?
    package let loraPlusEmbedding: Double
    package let pissaInit: Bool
    package let pissaIter: Int
    /// Layers that train: the last n, or the first −n.
    package let freezeTrainableLayers: Int
    package let freezeTrainableModules: [String]
    package let freezeExtraModules: [String]
    /// Whether the trained layers are spread evenly over the model.
    package let useLlamaPro: Bool
    /// The kind of bottleneck adapter, by AdapterHub's name.
    package let bottleneck: Bottleneck
    /// Hidden width over bottleneck width; the kind's own unless given.
    package let bottleneckReduction: Double?
    /// `all`, names of linear layers, or one regular expression.
    package let oftTarget: [String]
    /// Blocks of a layer's input; 0 leaves it to their size.
    package let oftRank: Int
    package let oftBlockSize: Int
    /// Names of linear layers, or one regular expression; `nil` leaves both to the architecture.
    package let ia3Target: [String]?
    /// Those of them whose inputs are scaled.
    package let ia3Feedforward: [String]?
    /// 4 or 8: the base model is kept quantized.
    package let quantizationBit: Int?

    /// AdapterHub's configurations of bottleneck adapters.
    package enum Bottleneck: String, Sendable {
        case sequential = "seq_bn"
        case doubleSequential = "double_seq_bn"
        case parallel = "par_bn"
    }

    static let keys = ConfigurationKey.joined(
        [
            .list("adapter_name_or_path", nil, ConfigurationCommand.adapted, isLocal: true),
            .text("adapter_folder", nil, ConfigurationCommand.adapted, isLocal: true),
            .boolean("create_new_adapter", false, .training),
            .integer("lora_rank", 8, .from(1).within(1e6), .training),
            .number("lora_alpha", nil, .above(0), .training),
            .number("lora_dropout", 0, .from(0, below: 1), .training),
            .list("lora_target", ["all"], .training),
            .list("additional_target", nil, .training),
            .boolean("use_rslora", false, .training),
            .boolean("use_dora", false, .training),
            .number("loraplus_lr_ratio", nil, .above(0), .training),
            .number("loraplus_lr_embedding", 1e-6, .above(0), .training),
            .boolean("pissa_init", false, .training),
            .integer("pissa_iter", 16, .from(-1), .training),
            .integer("freeze_trainable_layers", 2, .any, .training),
            .list("freeze_trainable_modules", ["all"], .training),
            .list("freeze_extra_modules", nil, .training),
            .boolean("use_llama_pro", false, .training),
            .choice(
                "adapter_config", "seq_bn", ["seq_bn", "double_seq_bn", "par_bn"],
                synonyms: [
                    "pfeiffer": "seq_bn", "houlsby": "double_seq_bn", "parallel": "par_bn",
                ], .training),
            .number("adapter_reduction_factor", nil, .from(0.001), .training),
            .list("oft_target", ["all"], .training),
            .integer("oft_rank", 0, .from(0).within(65_536), .training),
            .integer("oft_block_size", 32, .from(0).within(65_536), .training),
            .list("ia3_target", nil, .training),
            .list("ia3_feedforward", nil, .training),
            // An adapter is merged into the weights as they are, not into rounded ones.
            .choice(
                "quantization_bit", nil, ["4", "8"],
                ConfigurationCommand.adapted.subtracting([.export])),
            .choice(
                "quantization_method", "bnb", ["bnb"],
                later: ["gptq", "awq", "aqlm", "quanto", "eetq", "hqq", "mxfp4", "fp8"],
                synonyms: ["bitsandbytes": "bnb"], ConfigurationCommand.adapted),
            .choice(
                "quantization_type", "nf4", ["nf4"], later: ["fp4"],
                ConfigurationCommand.adapted),
        ],
        .later("leave it out; all blocks are always trained", ["module_dropout"]),
        .noEffect(
            "the scales of quantized blocks are kept as they are",
            ["double_quantization", "quantization_device_map"]),
        .noEffect(
            "the files of PiSSA are always those of the equal LoRA", ["pissa_convert"]))

    init(_ settings: ConfigurationSettings) {
        let folder = settings.optionalText("adapter_folder")
        adapterNameOrPath = settings.list("adapter_name_or_path").map { path in
            folder.map { path + "/" + $0 } ?? path
        }
        createNewAdapter = settings.boolean("create_new_adapter")
        loraRank = settings.integer("lora_rank")
        loraAlpha = settings.optionalNumber("lora_alpha") ?? 2 * Double(loraRank)
        loraDropout = settings.number("lora_dropout")
        loraTarget = Self.targets(settings.list("lora_target"))
        oftTarget = Self.targets(settings.list("oft_target"))
        oftRank = settings.integer("oft_rank")
        oftBlockSize = settings.integer("oft_block_size")
        ia3Target =
            settings["ia3_target"] == .none ? nil : Self.targets(settings.list("ia3_target"))
        ia3Feedforward =
            settings["ia3_feedforward"] == .none
            ? nil : Self.targets(settings.list("ia3_feedforward"))
        additionalTarget = settings.list("additional_target")
        useRSLoRA = settings.boolean("use_rslora")
        useDoRA = settings.boolean("use_dora")
        loraPlusRatio = settings.optionalNumber("loraplus_lr_ratio")
        loraPlusEmbedding = settings.number("loraplus_lr_embedding")
        pissaInit = settings.boolean("pissa_init")
        pissaIter = settings.integer("pissa_iter")
        freezeTrainableLayers = settings.integer("freeze_trainable_layers")
        freezeTrainableModules = settings.list("freeze_trainable_modules")
        freezeExtraModules = settings.list("freeze_extra_modules")
        useLlamaPro = settings.boolean("use_llama_pro")
        bottleneck = settings.choice("adapter_config")
        bottleneckReduction = settings.optionalNumber("adapter_reduction_factor")
        quantizationBit = settings.optionalText("quantization_bit").flatMap(Int.init)
    }
}

extension AdapterSection {
    /// A comma inside a regular expression divides nothing.
    static func targets(_ list: [String]) -> [String] {
        let isPattern = list.contains { $0.contains(where: "*[](){}|^$\\+?".contains) }
        return isPattern ? [list.joined(separator: ",")] : list
    }
}

extension AdapterSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let type = settings.finetuningType
        guard settings.command == .train else { return }
        if type.isAdapter, settings.boolean("train_from_scratch") {
            throw settings.contradiction(
                ["finetuning_type", "train_from_scratch"],
                "an adapter needs a trained model under it; set finetuning_type: full")
        }
        if !type.isAdapter, settings.isGiven("adapter_name_or_path") {
            throw settings.contradiction(
                ["adapter_name_or_path", "finetuning_type"],
                "adapters go on with their own finetuning_type (lora, oft, boft, ia3, adapter, "
                    + "prompt_tuning, p_tuning, prefix_tuning), but it is \(type.rawValue)")
        }
        if !type.isAdapter, settings.isGiven("quantization_bit") {
            throw settings.contradiction(
                ["quantization_bit", "finetuning_type"],
                "quantized weights cannot be trained; set finetuning_type: lora")
        }
        if settings.boolean("pissa_init"), settings.isGiven("quantization_bit") {
            throw settings.contradiction(
                ["pissa_init", "quantization_bit"],
                "PiSSA changes the base weights, so they cannot be quantized")
        }
        for key in ["use_dora", "use_rslora", "pissa_init", "loraplus_lr_ratio"]
        where settings.isChanged(key) && type != .lora {
            throw settings.contradiction([key, "finetuning_type"], "\(key) is a setting of LoRA")
        }
        if settings.boolean("use_llama_pro"), type != .freeze {
            throw settings.contradiction(
                ["use_llama_pro", "finetuning_type"],
                "use_llama_pro spreads the layers that finetuning_type: freeze trains")
        }
        if type == .oft {
            let (rank, size) = (settings.integer("oft_rank"), settings.integer("oft_block_size"))
            if rank > 0, settings.isGiven("oft_block_size"), size > 0 {
                throw settings.contradiction(
                    ["oft_rank", "oft_block_size"],
                    "one follows from the other; leave one of them out")
            }
            if rank == 0, size == 0 {
                throw settings.contradiction(
                    ["oft_rank", "oft_block_size"], "both are 0; give one of them")
            }
        }
        if settings.integer("freeze_trainable_layers") == 0, type == .freeze {
            throw settings.contradiction(
                ["freeze_trainable_layers"],
                "0 layers leaves nothing to train; give n for the last n, -n for the first n")
        }
    }

    /// An adapter that goes on keeps the form that its own configuration gives it.
    static func note(_ settings: inout ConfigurationSettings) {
        let type = settings.finetuningType
        for (prefix, owner) in [("oft_", MethodSection.FinetuningType.oft), ("ia3_", .ia3)]
        where type != owner {
            settings.noteUnused(
                keys.map(\.name).filter { $0.hasPrefix(prefix) },
                since: "finetuning_type is \(type.rawValue)")
        }
        guard let folder = settings.adapterThatGoesOn else { return }
        let keys = [
            "lora_rank", "lora_alpha", "lora_dropout", "lora_target", "additional_target",
            "use_rslora", "use_dora", "pissa_init", "adapter_config", "adapter_reduction_factor",
            "oft_rank", "oft_block_size", "oft_target", "ia3_target", "ia3_feedforward",
        ]
        settings.noteUnused(
            keys, since: "the adapter in \(folder) goes on as its adapter_config.json says")
    }
}

extension ConfigurationSettings {
    /// The adapter that a run goes on with; its own file says what it is.
    var adapterThatGoesOn: String? {
        guard command == .train, !boolean("create_new_adapter") else { return nil }
        return list("adapter_name_or_path").last
    }
}
