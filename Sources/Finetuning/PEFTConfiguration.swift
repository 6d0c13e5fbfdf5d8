import Files

/// adapter_config.json as PEFT 0.21 reads it, for LoRA and its kin. Source: peft/config.py,
/// peft/tuners/lora/config.py and layer.py.
enum PEFTConfiguration {
    /// What else its keys may say without changing what is computed here.
    private static let harmless: [String: HarmlessKey] = [
        // About files and programs.
        "auto_mapping": .always, "inference_mode": .always, "peft_version": .always,
        "revision": .always,
        // What the model is for; of a body alone it is read.
        "task_type": .always,
        // PEFT sets it to what the layer is, and never reads the second from a file.
        "fan_in_fan_out": .always, "runtime_config": .always,
        // They work through a key that has to be off.
        "megatron_core": .always, "qalora_group_size": .always, "merge_weights": .always,
        // They say how the first factors were made, which init_lora_weights decides.
        "loftq_config": .always, "eva_config": .always, "corda_config": .always,
        "lora_ga_config": .always,
        "bias": .at([.string("none")]),
        "lora_bias": .flag(false), "use_qalora": .flag(false), "ensure_weight_tying": .flag(false),
        "layer_replication": empty, "target_parameters": empty, "trainable_token_indices": empty,
        "alora_invocation_tokens": empty,
        "arrow_config": absent, "enable_lora": absent, "kasa_config": absent,
        "megatron_config": absent, "monteclora_config": absent, "use_bdlora": absent,
        "velora_config": absent,
    ]

    /// Each is tried on each module's path: more than models have linear layers of one kind.
    private static let mostPatterns = 4096

    private static let empty = HarmlessKey.at([.array([]), .object([])])
    private static let absent = HarmlessKey.when(supported: "null") { _ in false }

    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)``,
    ///   ``FinetuningError/unusedKey(_:)`` and ``FinetuningError/unsupported(what:advice:)``.
    static func kind(_ keys: KeyedObject) throws(FinetuningError) -> AdapterFolder.Kind {
        guard let type = try keys.text("peft_type") else {
            throw .badConfiguration(file: keys.file, reason: "peft_type is missing")
        }
        switch type {
        case "LORA": return .lora(try lora(keys))
        case "OFT": return .oft(try OFTConfiguration.read(keys))
        case "BOFT": return .boft(try BOFTConfiguration.read(keys))
        case "IA3": return .ia3(try IA3Configuration.read(keys))
        case "PROMPT_TUNING": return .promptTuning(try PromptTuningConfiguration.read(keys))
        case "P_TUNING": return .pTuning(try PTuningConfiguration.read(keys))
        case "PREFIX_TUNING": return .prefixTuning(try PrefixTuningConfiguration.read(keys))
        default:
            throw .unsupported(
                what: "\(keys.file): peft_type \(JSONValue.shortened(type))",
                advice:
                    "supported are LORA, OFT, BOFT, IA3, PROMPT_TUNING, P_TUNING, PREFIX_TUNING "
                    + "and AdapterHub's bottleneck adapters")
        }
    }

    private static func lora(_ keys: KeyedObject) throws(FinetuningError) -> LoRAConfiguration {
        try checkInitialization(keys)
        var configuration = try modules(keys)
        let ranks = 1...LoRAConfiguration.largestRank
        configuration.rank = try keys.integer("r", in: ranks) ?? 8
        configuration.alpha = try keys.number("lora_alpha") ?? 8
        configuration.dropout = try keys.number("lora_dropout") ?? 0
        configuration.isRankStabilized = try keys.flag("use_rslora") ?? false
        configuration.isDecomposed = try keys.flag("use_dora") ?? false
        for (pattern, value) in try patterns(keys, "rank_pattern") {
            configuration.rankPattern.append(
                pattern, try keys.integer(value, "rank_pattern." + pattern, in: ranks))
        }
        for (pattern, value) in try patterns(keys, "alpha_pattern") {
            configuration.alphaPattern.append(
                pattern, try keys.number(value, "alpha_pattern." + pattern))
        }
        try keys.refuseOthers(harmless: harmless)
        return configuration
    }

    /// Which modules any of PEFT's methods means.
    static func modules(_ keys: KeyedObject) throws(FinetuningError) -> LoRAConfiguration {
        var configuration = LoRAConfiguration()
        configuration.base = try keys.text("base_model_name_or_path") ?? ""
        configuration.isOfBody = keys["task_type"]?.string == LoRAPlan.taskOfBodies
        guard let targets = try targets(keys, "target_modules") else {
            throw .unsupported(
                what: "\(keys.file): no target_modules", advice: "name the modules it was made for")
        }
        configuration.targets = targets
        configuration.excluded = try targetsToExclude(keys)
        configuration.additionalTargets = try keys.texts("modules_to_save") ?? []
        guard configuration.additionalTargets.count <= mostPatterns else {
            throw .badConfiguration(
                file: keys.file,
                reason: "modules_to_save has \(configuration.additionalTargets.count) names, "
                    + "expected at most \(mostPatterns)")
        }
        try readLayers(keys, into: &configuration)
        return configuration
    }

    /// How the first factors were made matters where the base was changed with them: PEFT does so
    /// again when it loads the adapter, or leaves it to whoever saved it.
    private static func checkInitialization(_ keys: KeyedObject) throws(FinetuningError) {
        guard let value = keys["init_lora_weights"], value.bool == nil else { return }
        guard let method = value.string else {
            throw keys.wrong("init_lora_weights", value, "true, false or a method's name")
        }
        let what = "\(keys.file): init_lora_weights \"\(JSONValue.shortened(method))\""
        switch method.lowercased() {
        case "gaussian", "orthogonal", "eva": return
        case "mica":
            throw .unsupported(
                what: what,
                advice: "it holds plain factors, of which only A is trained; set "
                    + "init_lora_weights to true to use them, or to train both")
        case "loftq":
            throw .unsupported(
                what: what,
                advice: "its base has been replaced by a quantized one; merge the "
                    + "adapter with PEFT (merge_and_unload) and use the merged model")
        case let name
        where name.hasPrefix("pissa") || name.hasPrefix("corda") || name == "olora"
            || name == "lora_ga":
            throw .unsupported(
                what: what,
                advice: "its base has changed too; save it with PEFT's "
                    + "path_initial_model_for_weight_conversion, or merge it with PEFT "
                    + "(merge_and_unload) and use the merged model")
        default:
            throw .unsupported(
                what: what,
                advice: "PEFT 0.21 has no such method; set it to true if the base is "
                    + "as it was")
        }
    }

    private static func targets(
        _ keys: KeyedObject, _ key: String
    ) throws(FinetuningError) -> ModuleTargets? {
        guard let value = keys[key] else { return nil }
        guard let text = value.string else { return .names(try keys.texts(value, key)) }
        return text.lowercased() == "all-linear" ? .all : .regex(text)
    }

    /// Other than in target_modules, a text is always a regular expression, and an empty one or an
    /// empty list excludes nothing.
    private static func targetsToExclude(
        _ keys: KeyedObject
    ) throws(FinetuningError) -> ModuleTargets? {
        guard let value = keys["exclude_modules"], !value.isFalse else { return nil }
        if let text = value.string { return .regex(text) }
        return .names(try keys.texts(value, "exclude_modules"))
    }

    private static func readLayers(
        _ keys: KeyedObject, into configuration: inout LoRAConfiguration
    ) throws(FinetuningError) {
        let layers = keys["layers_to_transform"]
        if let layers {
            var numbers: [Int] = []
            for item in layers.array ?? [layers] {
                numbers.append(try keys.integer(item, "layers_to_transform", in: 0...1_000_000))
            }
            configuration.layersToTransform = numbers.isEmpty ? nil : numbers
        }
        let names = keys["layers_pattern"]
        if let names, !names.isFalse {
            if let name = names.string {
                configuration.layersPattern = [name]
            } else {
                configuration.layersPattern = try keys.texts(names, "layers_pattern")
            }
        }
        // PEFT does not load these combinations.
        if case .names = configuration.targets {
            guard configuration.layersPattern.isEmpty || layers != nil else {
                throw .badConfiguration(
                    file: keys.file, reason: "layers_pattern needs layers_to_transform")
            }
        } else if layers != nil || names != nil {
            throw .badConfiguration(
                file: keys.file,
                reason: "layers_to_transform and layers_pattern need a list of "
                    + "names in target_modules")
        }
    }

    private static func patterns(
        _ keys: KeyedObject, _ key: String
    ) throws(FinetuningError) -> [JSONValue.Member] {
        guard let value = keys[key] else { return [] }
        guard let members = value.members, members.count <= mostPatterns else {
            throw keys.wrong(key, value, "an object of at most \(mostPatterns) patterns")
        }
        return members
    }
}

extension LoRAConfiguration {
    /// The text of adapter_config.json: what every version of PEFT reads.
    func adapterConfiguration(base: String, _ plan: LoRAPlan) -> String {
        // In their own order, which counts.
        let ranks: [JSONValue.Member] = rankPattern.entries.map {
            (key: $0.pattern, value: JSONValue.int($0.value))
        }
        let alphas: [JSONValue.Member] = alphaPattern.entries.map {
            (key: $0.pattern, value: Self.number($0.value))
        }
        return AdapterFolder.json(
            moduleKeys(plan.leafNames)
                + [
                    ("peft_type", .string("LORA")), ("task_type", plan.taskKey),
                    ("base_model_name_or_path", .string(base)), ("revision", .null),
                    ("inference_mode", .bool(true)), ("r", .int(rank)),
                    ("lora_alpha", Self.number(resolvedAlpha)),
                    ("lora_dropout", .double(Double("\(dropout)") ?? Double(dropout))),
                    ("bias", .string("none")), ("fan_in_fan_out", .bool(plan.isConv1D)),
                    ("init_lora_weights", .bool(true)),
                    ("rank_pattern", .object(ranks)), ("alpha_pattern", .object(alphas)),
                    ("use_rslora", .bool(isRankStabilized)), ("use_dora", .bool(isDecomposed)),
                ])
    }

    /// The keys that say which modules are meant.
    ///
    /// - Parameter leafNames: what `.all` means in the model.
    func moduleKeys(_ leafNames: [String]) -> [JSONValue.Member] {
        let targets: JSONValue =
            switch self.targets {
            case .all: Self.list(leafNames)
            case .names(let names): Self.list(names.sorted())
            case .regex(let pattern): .string(pattern)
            }
        let layers = layersToTransform.map { JSONValue.array($0.map(JSONValue.int)) }
        let saved = additionalTargets
        var keys: [JSONValue.Member] = [
            ("target_modules", targets),
            ("modules_to_save", saved.isEmpty ? .null : Self.list(saved)),
            ("layers_to_transform", layers ?? .null),
            ("layers_pattern", layersPattern.isEmpty ? .null : Self.list(layersPattern)),
        ]
        switch excluded {
        case .names(let names): keys.append(("exclude_modules", Self.list(names)))
        case .regex(let pattern): keys.append(("exclude_modules", .string(pattern)))
        case .all, nil: break
        }
        return keys
    }

    private static func list(_ names: [String]) -> JSONValue { .array(names.map { .string($0) }) }

    /// Whole where it is: PEFT writes an integer.
    private static func number(_ value: Float) -> JSONValue {
        value == value.rounded() && abs(value) < 1e9 ? .int(Int(value)) : .double(Double(value))
    }
}
