import Files

/// AdapterHub's adapter_config.json. Source: adapters 1.3, configuration/adapter_config.py.
extension BottleneckConfiguration {
    /// BnConfig's keys that have to keep their usual value, as nothing else is computed here.
    private static let usual: [JSONValue.Member] = [
        ("original_ln_after", .bool(true)), ("ln_before", .bool(false)),
        ("ln_after", .bool(false)), ("use_gating", .bool(false)),
        ("residual_before_ln", .bool(true)), ("cross_adapter", .bool(false)),
        ("phm_layer", .bool(false)), ("adapter_residual_before_ln", .bool(false)),
        ("stochastic_depth", .int(0)),
    ]

    /// Keys that say nothing where phm_layer and inv_adapter are off, how the first numbers were
    /// drawn, or which model it was.
    private static let silent = [
        "config.phm_dim", "config.factorized_phm_W", "config.shared_W_phm",
        "config.shared_phm_rule", "config.factorized_phm_rule", "config.phm_c_init",
        "config.phm_init_range", "config.learn_phm", "config.hypercomplex_nonlinearity",
        "config.phm_rank", "config.phm_bias", "config.inv_adapter_reduction_factor",
        "config.init_weights_seed", "hidden_size", "model_class", "model_name", "model_type",
        "version", "config_id", "adapters_version",
    ]

    private static var harmless: [String: HarmlessKey] {
        var rules: [String: HarmlessKey] = [:]
        for key in silent { rules[key] = .always }
        for (key, value) in usual { rules["config." + key] = .at([value]) }
        for key in ["config.inv_adapter", "config.invertible_adapter"] {
            rules[key] = .when(supported: "null") { _ in false }
        }
        return rules
    }

    /// Reads AdapterHub's adapter_config.json; `nil` where it is none.
    ///
    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)``,
    ///   ``FinetuningError/unusedKey(_:)`` and ``FinetuningError/unsupported(what:advice:)``.
    static func read(
        _ keys: KeyedObject
    ) throws(FinetuningError) -> BottleneckConfiguration? {
        guard keys["peft_type"] == nil, keys["config"]?.members != nil else { return nil }
        let inner: KeyedObject
        do throws(JSONProblem) {
            guard let object = try keys.object("config") else { return nil }
            inner = object
        } catch {
            throw .badConfiguration(
                file: keys.file, reason: "\(error.found), expected \(error.expected)")
        }
        let architecture = try inner.text("architecture")
        guard architecture == nil, let factor = inner["reduction_factor"] else {
            throw .unsupported(
                what: "\(keys.file): architecture "
                    + JSONValue.shortened(architecture ?? "without reduction_factor"),
                advice: "of AdapterHub's, bottleneck adapters are")
        }
        guard let scaling = inner["scaling"], scaling.double != nil else {
            throw .unsupported(
                what: "\(keys.file): scaling \(inner["scaling"]?.kind ?? "missing")",
                advice: "a number is")
        }
        var configuration = BottleneckConfiguration()
        configuration.name = try keys.text("name") ?? "default"
        configuration.afterAttention = try inner.flag("mh_adapter") ?? false
        configuration.afterFeedForward = try inner.flag("output_adapter") ?? true
        configuration.nonLinearity = try inner.text("non_linearity") ?? "relu"
        configuration.addsResidualFirst = try inner.flag("original_ln_before") ?? false
        configuration.isParallel = try inner.flag("is_parallel") ?? false
        configuration.dropout = try inner.number("dropout") ?? 0
        configuration.initialWeights = try inner.text("init_weights") ?? "bert"
        configuration.scaling = try inner.number(scaling, "scaling")
        if let blocks = inner["leave_out"] {
            guard let items = blocks.array else {
                throw inner.wrong("leave_out", blocks, "a list of blocks")
            }
            for item in items {
                configuration.leftOut.append(
                    try inner.integer(item, "leave_out", in: 0...1_000_000))
            }
        }
        try configuration.readFactors(factor, inner)
        try keys.refuseOthers(harmless: harmless)
        try configuration.validate()
        return configuration
    }

    /// One number, or one by block with a `default`.
    private mutating func readFactors(
        _ value: JSONValue, _ keys: KeyedObject
    ) throws(FinetuningError) {
        let key = "reduction_factor"
        guard let members = value.members else {
            guard let factor = value.double else {
                throw keys.wrong(key, value, "a number, or an object of blocks")
            }
            reductionFactor = factor
            return
        }
        guard let usual = value["default"]?.double else {
            throw keys.wrong(key, value, "a number for \"default\" among its keys")
        }
        reductionFactor = usual
        for (block, factor) in members where block != "default" {
            guard let block = Int(block), let factor = factor.double else {
                throw keys.wrong(key + "." + block, factor, "a number for a block's number")
            }
            reductionFactors[block] = factor
        }
    }

    /// The text of AdapterHub's adapter_config.json.
    func adapterConfiguration(
        width: Int, modelClass: String, modelName: String, modelType: String
    ) -> String {
        var factor = Self.number(reductionFactor)
        if !reductionFactors.isEmpty {
            var factors: [JSONValue.Member] = [("default", factor)]
            for (block, value) in reductionFactors.sorted(by: { $0.key < $1.key }) {
                factors.append((String(block), Self.number(value)))
            }
            factor = .object(factors)
        }
        var inner: [JSONValue.Member] = [
            ("mh_adapter", .bool(afterAttention)), ("output_adapter", .bool(afterFeedForward)),
            ("reduction_factor", factor), ("non_linearity", .string(nonLinearity)),
            ("original_ln_before", .bool(addsResidualFirst)), ("is_parallel", .bool(isParallel)),
            // AdapterHub takes 4.0 for a number here, but not 4.
            ("scaling", .double(Double(scaling))), ("dropout", .double(Double(dropout))),
            ("init_weights", .string(initialWeights)),
            ("leave_out", .array(leftOut.map(JSONValue.int))), ("architecture", .null),
            ("init_weights_seed", .null), ("inv_adapter", .null),
            ("inv_adapter_reduction_factor", .null),
        ]
        inner += Self.usual
        inner.sort { $0.key < $1.key }
        return AdapterFolder.json([
            ("config", .object(inner)), ("hidden_size", .int(width)),
            ("model_class", .string(modelClass)), ("model_name", .string(modelName)),
            ("model_type", .string(modelType)), ("name", .string(name)),
            ("version", .string("adapters.1.3.0")),
        ])
    }

    private static func number(_ value: Double) -> JSONValue {
        value == value.rounded() && abs(value) < 1e9 ? .int(Int(value)) : .double(value)
    }
}
