import Files
import Optimizers

/// LLaMA-Factory's second form of configuration, "v1", in the keys of its first.
///
/// Keys follow its documentation (docs/zh/configuration) of August 2026. What means the same here
/// is translated, its other defaults with it; what has no meaning on processors is told in a
/// notice; the rest is refused by name.
package struct LLaMAFactoryV1 {
    /// The configuration in the keys of the first form.
    package private(set) var values: [String: ConfigurationValue] = [:]
    /// Lines that tell the user what was made of the file.
    package private(set) var notices: [String] = []
    /// What stands in the file and has not been translated yet.
    private var rest: [String: ConfigurationValue]
    private var withoutEffect: [String] = []

    /// Reads a file of datasets, `nil` where there is none of the name.
    package typealias Documents = (
        _ path: String
    ) throws(ConfigurationError) -> [String: ConfigurationValue]?

    /// Keys that the first form does not have.
    private static let own: Set = [
        "model", "model_class", "train_dataset", "micro_batch_size", "global_batch_size",
        "peft_config", "dist_config", "kernel_config", "quant_config", "optim_config",
        "lr_scheduler_config", "init_config", "mtp_config", "batching_strategy",
        "batching_workers", "sample_backend", "custom_chat_template", "cp_size", "cp_mode",
        "dp_size", "mp_replicate_size", "mp_shard_size", "dist_timeout", "save_epochs",
        "save_ckpt_as_hf", "enable_activation_checkpointing",
    ]

    /// Whether a configuration is written in the second form: it has two of its keys or more.
    package static func recognises(_ values: [String: ConfigurationValue]) -> Bool {
        values.keys.count(where: own.contains) > 1
    }

    /// Translates a configuration.
    ///
    /// - Parameters:
    ///   - ranks: of the run, which share the global batch.
    ///   - documents: reads the file that train_dataset names.
    /// - Throws: ``ConfigurationError`` for what has no equal here, and for mistakes.
    package init(
        _ written: [String: ConfigurationValue], ranks: Int, documents: Documents
    ) throws(ConfigurationError) {
        rest = written
        notices = ["this is a file of LLaMA-Factory's v1; its keys are read as those of v0"]
        try translateModel()
        try translateAdapter()
        try translateData(documents)
        try translateBatches(ranks: ranks)
        try translateTraining()
        try passOver()
        for (key, value) in rest { values[key] = value }
    }

    // MARK: parts

    private mutating func translateModel() throws(ConfigurationError) {
        rename("model", "model_name_or_path")
        try allow("model_class", ["llm"], "other heads than the language model's are not there yet")
        try allow(
            "custom_chat_template", [], "the model's own chat template is used, or template: NAME")
        try allow("mtp_config", [], "predicting several tokens at once is not there yet")
        try allow(
            "sample_backend", ["hf"], "text is sampled by lockstep itself; leave it out")
        if let members = try config("quant_config", names: ["bnb", "auto"]) {
            try translate(
                members, of: "quant_config",
                [
                    "quantization_bit": "quantization_bit",
                    "quantization_type": "quantization_type",
                    "double_quantization": "double_quantization", "compute_dtype": nil,
                ])
        }
    }

    private mutating func translateAdapter() throws(ConfigurationError) {
        guard let members = try config("peft_config", names: ["lora", "freeze"]) else {
            preset("finetuning_type", .string("full"))
            return
        }
        let name = members["name"]?.spelling ?? ""
        preset("finetuning_type", .string(name))
        if name == "lora" {
            try translate(
                members, of: "peft_config",
                [
                    "r": "lora_rank", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout",
                    "target_modules": "lora_target", "use_rslora": "use_rslora",
                    "use_dora": "use_dora", "modules_to_save": "additional_target",
                    "adapter_name_or_path": "adapter_name_or_path", "export_dir": "export_dir",
                    "export_size": "export_size", "infer_dtype": "infer_dtype",
                    "export_hub_model_id": "export_hub_model_id",
                    "export_legacy_format": "export_legacy_format",
                ])
            if members["adapter_name_or_path"].map({ $0.content == .null }) ?? true {
                preset("lora_alpha", .int(16))
                preset("lora_dropout", .double(0.05))
            }
        } else {
            try translate(
                members, of: "peft_config",
                [
                    "freeze_trainable_layers": "freeze_trainable_layers",
                    "freeze_trainable_modules": "freeze_trainable_modules",
                    "freeze_extra_modules": "freeze_extra_modules",
                    "cast_trainable_params_to_fp32": nil,
                ])
        }
    }

    private mutating func translateBatches(ranks: Int) throws(ConfigurationError) {
        rename("micro_batch_size", "per_device_train_batch_size")
        preset("per_device_train_batch_size", .int(1))
        try allow(
            "cp_size", ["1"],
            "a sequence is not divided among ranks here; leave it out, each rank takes whole ones")
        if let value = take("global_batch_size") {
            let key = "per_device_train_batch_size"
            guard let micro = number(values[key] ?? rest[key]),
                let global = number(value), micro > 0, global > 0, micro < 1 << 31,
                global % (micro * ranks) == 0
            else {
                throw .contradiction(
                    keys: ["global_batch_size", "micro_batch_size"],
                    reason: "\(value.spelling) found, expected a multiple of micro_batch_size "
                        + "times \(ranks) rank\(ranks == 1 ? "" : "s")", place: value.place)
            }
            preset("gradient_accumulation_steps", .int(global / (micro * ranks)))
        }
        guard let strategy = take("batching_strategy") else { return }
        switch strategy.spelling {
        case "normal": break
        case "padding_free":
            notices.append(
                "batching_strategy: padding_free trains as normal does; the losses are the same")
        case "dynamic_padding_free":
            preset("neat_packing", .bool(true))
            notices.append(
                "batching_strategy: dynamic_padding_free packs examples into rows of cutoff_len, "
                    + "micro_batch_size of them (neat_packing)")
        default:
            throw .notAChoice(
                key: "batching_strategy", found: strategy.found,
                choices: ["normal", "padding_free", "dynamic_padding_free"], suggestion: nil,
                place: strategy.place)
        }
    }

    private mutating func translateTraining() throws(ConfigurationError) {
        preset("stage", .string("sft"))
        preset("do_train", .bool(true))
        if Set(["fp16", "precision", "pure_bf16"]).isDisjoint(with: rest.keys) {
            preset("bf16", .bool(true))
        }
        preset("learning_rate", .double(1e-4))
        preset("lr_scheduler_type", .string("constant"))
        preset("logging_steps", .int(1))
        preset("max_new_tokens", .int(128))
        try allow("optim_config", [], "Muon is not there yet; without it, AdamW is used")
        try allow(
            "lr_scheduler_config", [],
            "give lr_scheduler_type and lr_scheduler_kwargs in its place")
        if rest["weight_decay"] == nil {
            // torch.optim.AdamW's, which v1 makes without further arguments.
            preset("weight_decay", .double(0.01))
            notices.append("weight_decay: 0.01 as in v1, but not on norms and biases")
        }
        rename("dist_timeout", "ddp_timeout")
        rename("enable_activation_checkpointing", "gradient_checkpointing")
        if let epochs = take("save_epochs") {
            guard number(epochs) == 1 else {
                throw .notSupportedYet(
                    key: "save_epochs", value: epochs.found, advice: "use 1, or save_steps",
                    place: epochs.place)
            }
            preset("save_strategy", .string("epoch"))
        }
        if let value = rest["resume_from_checkpoint"], value.spelling == "auto" {
            rest["resume_from_checkpoint"] = nil
        }
        if take("eval_dataset") != nil { withoutEffect.append("eval_dataset") }
    }

    /// Keys that say how GPUs share the work.
    private mutating func passOver() throws(ConfigurationError) {
        if let members = rest["dist_config"].flatMap(Self.members), let path = members["dcp_path"],
            path.content != .null
        {
            throw .notSupportedYet(
                key: "dist_config.dcp_path", value: path.found,
                advice: "weights come from the model's folder; leave it null", place: path.place)
        }
        let names = [
            "dist_config", "kernel_config", "init_config", "batching_workers", "cp_mode",
            "dp_size", "mp_replicate_size", "mp_shard_size", "save_ckpt_as_hf",
        ]
        withoutEffect += names.filter { take($0) != nil }
        guard !withoutEffect.isEmpty else { return }
        notices.append(
            withoutEffect.sorted().joined(separator: ", ")
                + ": no effect here; ranks come from mpirun or srun and each holds the whole model")
    }

    // MARK: data

    private mutating func translateData(_ documents: Documents) throws(ConfigurationError) {
        guard let value = take("train_dataset") else { return }
        let path = value.spelling
        guard path.hasSuffix(".yaml") || path.hasSuffix(".yml") else {
            preset("dataset", value.content)
            return
        }
        guard let document = try documents(path) else {
            throw .file(
                key: "train_dataset", path: path,
                problem: "does not exist; give a YAML of datasets, or a file of rows",
                place: value.place)
        }
        var entries: [String: ConfigurationValue] = [:]
        for (name, entry) in document {
            entries[name] = try LLaMAFactoryV1.entry(name, entry)
        }
        if entries.values.contains(where: { Self.members($0)?["formatting"]?.spelling == "alpaca" })
        {
            notices.append(
                "train_dataset: in rows of alpaca, input follows instruction on a line of its own, "
                    + "as in v0; v1 joins them")
        }
        let names = document.sorted { $0.value.place.rank < $1.value.place.rank }.map(\.key)
        preset(
            "dataset", .list(names.map { ConfigurationValue(.string($0), place: value.place) }))
        preset("dataset_info", .map(entries))
        // Its paths count from the folder where the run starts.
        preset("dataset_dir", .string("."))
    }

    /// An entry of a YAML of datasets as one of dataset_info.json.
    private static func entry(
        _ name: String, _ entry: ConfigurationValue
    ) throws(ConfigurationError) -> ConfigurationValue {
        func refuse(_ key: String, _ reason: String) -> ConfigurationError {
            .contradiction(
                keys: ["train_dataset \(name).\(key)"], reason: reason, place: entry.place)
        }
        guard var left = members(entry) else {
            throw refuse("path", "\(entry.found) found, expected a map of keys")
        }
        var made: [String: ConfigurationValue] = [:]
        func take(_ key: String) -> ConfigurationValue? {
            left.removeValue(forKey: key).flatMap { $0.content == .null ? nil : $0 }
        }
        let converter = take("converter")?.spelling
        guard let converter, ["alpaca", "sharegpt"].contains(converter) else {
            throw refuse(
                "converter",
                "\(converter ?? "none") found, expected alpaca or sharegpt: rows in v1's own "
                    + "form, and pairs, are not read yet")
        }
        made["formatting"] = ConfigurationValue(.string(converter))
        let folder = take("dataset_dir")?.spelling
        guard let path = take("path") ?? take("file_name") else {
            throw refuse("path", "is missing; give the file of the rows")
        }
        let source =
            take("source")?.spelling ?? (path.spelling.contains(".json") ? "local" : "hf_hub")
        made[source == "local" ? "file_name" : "hf_hub_url"] = ConfigurationValue(
            .string(folder.map { $0 + "/" + path.spelling } ?? path.spelling), place: path.place)
        if let split = take("split") { made["split"] = split }
        if let size = take("size") ?? take("num_samples") { made["num_samples"] = size }
        if let weight = take("weight"), weight.spelling != "1", weight.spelling != "1.0" {
            throw refuse(
                "weight", "\(weight.spelling) found, expected 1; give size, the rows to draw")
        }
        if let streaming = take("streaming"), streaming.content != .bool(false) {
            throw refuse("streaming", "\(streaming.spelling) found, expected false")
        }
        if let key = left.filter({ $0.value.content != .null }).keys.min() {
            throw refuse(key, "no such key; known are path, source, split, converter, size, weight")
        }
        return ConfigurationValue(.map(made), place: entry.place)
    }

    // MARK: values

    private static func members(_ value: ConfigurationValue) -> [String: ConfigurationValue]? {
        if case .map(let members) = value.content { members } else { nil }
    }

    /// Takes a key out of the file; `nil` where it is absent or null.
    private mutating func take(_ key: String) -> ConfigurationValue? {
        rest.removeValue(forKey: key).flatMap { $0.content == .null ? nil : $0 }
    }

    private mutating func rename(_ key: String, _ name: String) {
        if let value = take(key), rest[name] == nil { values[name] = value }
    }

    /// Sets what neither the file nor the command line says.
    private mutating func preset(_ name: String, _ content: ConfigurationValue.Content) {
        guard values[name] == nil, rest[name] == nil else { return }
        values[name] = ConfigurationValue(content)
    }

    private func number(_ value: ConfigurationValue?) -> Int? {
        value.flatMap {
            $0.spelling.contains("e") ? nil : Int(exactly: Double($0.spelling) ?? .nan)
        }
    }

    /// Passes over a key at values that change nothing, and refuses others.
    private mutating func allow(
        _ key: String, _ harmless: [String], _ advice: String
    ) throws(ConfigurationError) {
        guard let value = take(key), !harmless.contains(value.spelling) else { return }
        throw .notSupportedYet(key: key, value: value.found, advice: advice, place: value.place)
    }

    /// The members of a `…_config`; `nil` where it is absent.
    private mutating func config(
        _ key: String, names: [String]
    ) throws(ConfigurationError) -> [String: ConfigurationValue]? {
        guard let value = take(key) else { return nil }
        let expected = "a map with name: " + names.joined(separator: " or ")
        guard let members = Self.members(value), let name = members["name"] else {
            throw .wrongType(key: key, found: value.found, expected: expected, place: value.place)
        }
        guard names.contains(name.spelling) else {
            throw .notAChoice(
                key: key + ".name", found: name.found, choices: names,
                suggestion: NearestName.find(name.spelling, among: names), place: name.place)
        }
        return members
    }

    /// Moves the members of a `…_config` to the keys that mean the same; `nil` stands for none.
    private mutating func translate(
        _ members: [String: ConfigurationValue], of key: String, _ names: [String: String?]
    ) throws(ConfigurationError) {
        for (member, value) in members.sorted(by: { $0.key < $1.key }) where member != "name" {
            guard let name = names[member] else {
                throw .unknownKey(
                    key: "\(key).\(member)",
                    suggestion: NearestName.find(member, among: Array(names.keys)).map {
                        "\(key).\($0)"
                    }, place: value.place)
            }
            if value.content == .null { continue }
            if let name, rest[name] == nil { values[name] = value }
            if name == nil { withoutEffect.append("\(key).\(member)") }
        }
    }
}
