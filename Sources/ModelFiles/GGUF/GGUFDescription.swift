import Files
import Models
import WeightFiles

/// A model as a GGUF file describes it: names, hyperparameters, and tensors that stand for some.
///
/// Source: llama.cpp's `convert_hf_to_gguf.py`, `set_gguf_parameters` of each model. What the keys
/// cannot say is found by reading them back (``check(_:shapes:)``).
struct GGUFDescription {
    /// `general.architecture`.
    let architecture: String
    /// `general.name`, whatever the tokens are.
    let name: String
    let names: GGUFTensorNames
    private(set) var metadata: [(key: String, value: GGUFValue)] = []
    /// Name and numbers of tensors that are no parameters.
    private(set) var factors: [(name: String, numbers: [Float])] = []

    /// - Throws: ``ModelFileError/user(_:)`` for a model that cannot be described.
    init(_ model: any LanguageModel) throws(ModelFileError) {
        let (about, form) = (model.description, model.form)
        let file = ConfigurationValues(about.configuration)
        switch about.type {
        case "llama", "mistral":
            (architecture, names) = ("llama", .llama(heads: about.heads, groups: form.groups))
        case "mixtral":
            (architecture, names) = ("llama", .mixtral(heads: about.heads, groups: form.groups))
        case "qwen2", "qwen3": (architecture, names) = (about.type, .decoder)
        case "qwen3_moe": (architecture, names) = ("qwen3moe", .qwen3MoE)
        case "gemma": (architecture, names) = ("gemma", .gemma)
        case "gemma2": (architecture, names) = ("gemma2", .gemma2)
        case "gemma3_text": (architecture, names) = ("gemma3", .gemma2)
        case "phi3": (architecture, names) = ("phi3", .phi3)
        case "gpt2": (architecture, names) = ("gpt2", .gpt2)
        default:
            throw .user(
                "a model of type \(about.type) is not written as GGUF here; supported are gemma, "
                    + "gemma2, gemma3_text, gpt2, llama, mistral, mixtral, phi3, qwen2, qwen3, "
                    + "qwen3_moe; export a Hugging Face folder and convert it with llama.cpp")
        }
        name = file.text("_name_or_path") ?? about.type
        try refuseUnloadable(form, about)
        metadata = [
            ("general.architecture", .string(architecture)), ("general.type", .string("model")),
            ("general.name", .string(name)),
        ]
        add("vocab_size", about.vocabularySize)
        add("context_length", about.maximumPositions)
        add("embedding_length", about.width)
        add("block_count", about.layers)
        add("feed_forward_length", form.inner)
        add("attention.head_count", about.heads)
        add("attention.head_count_kv", form.groups)
        guard about.type != "gpt2" else {
            add("attention.layer_norm_epsilon", form.epsilon)
            return
        }
        add("attention.key_length", about.headSize)
        add("attention.value_length", about.headSize)
        add("attention.layer_norm_rms_epsilon", form.epsilon)
        try addPositions(form, file, about)
        addFamily(form)
    }

    private mutating func add(_ key: String, _ value: Int) {
        metadata.append(("\(architecture).\(key)", .uint32(UInt32(clamping: value))))
    }

    private mutating func add(_ key: String, _ value: Double) {
        metadata.append(("\(architecture).\(key)", .float32(Float(value))))
    }

    /// What only some architectures have.
    private mutating func addFamily(_ form: ModelForm) {
        if architecture == "gemma2", form.scoreCap > 0 {
            add("attn_logit_softcapping", form.scoreCap)
        }
        if ["gemma2", "gemma3"].contains(architecture), form.logitCap > 0 {
            add("final_logit_softcapping", form.logitCap)
        }
        if ["gemma2", "gemma3", "phi3"].contains(architecture),
            let window = form.windows.first(where: { $0 > 0 })
        {
            add("attention.sliding_window", window)
            let usual = ["gemma2": 2, "gemma3": 6][architecture]
            if let usual, let period = Self.period(form.windows), period != usual,
                !Self.has(form.windows, period: usual)
            {
                add("attention.sliding_window_pattern", period)
            }
        }
        if let experts = form.experts {
            add("expert_count", experts.count)
            add("expert_used_count", experts.chosen)
            if architecture == "qwen3moe" { add("expert_feed_forward_length", experts.inner) }
        }
    }

    /// Whether the last of every `period` layers sees everything, and no other.
    private static func has(_ windows: [Int], period: Int) -> Bool {
        windows.enumerated().allSatisfy {
            ($0.element == 0) == (period > 0 && $0.offset % period == period - 1)
        }
    }

    private static func period(_ windows: [Int]) -> Int? {
        (0...windows.count).first { has(windows, period: $0) }
    }

    /// Rotary positions and their scaling.
    private mutating func addPositions(
        _ form: ModelForm, _ file: ConfigurationValues, _ about: ModelDescription
    ) throws(ModelFileError) {
        guard let rotary = form.rotary else { return }
        let settings = RotarySettings(file, about, rotary)
        guard
            let written = GGUFRotary.written(rotary, settings, architecture: architecture)
        else {
            throw cannotHold("rope_scaling", "of this kind")
        }
        for (key, value) in written.keys {
            metadata.append(("\(architecture).\(key)", value))
        }
        factors = written.tensors
        guard architecture == "gemma3", form.localRotary != nil else { return }
        let parts = file.section("rope_parameters")?.section("sliding_attention")
        add(
            "rope.freq_base_swa",
            parts?.real("rope_theta") ?? file.real("rope_local_base_freq") ?? 10_000)
    }

    private func cannotHold(_ key: String, _ value: String) -> ModelFileError {
        .user(
            "'\(key)' \(value) cannot be written: GGUF files of architecture \(architecture) have no "
                + "place for it; export a Hugging Face folder without export_gguf")
    }
}

// MARK: - What the format cannot hold

extension GGUFDescription {
    /// What is written and read here, but not loaded by llama.cpp.
    private func refuseUnloadable(
        _ form: ModelForm, _ about: ModelDescription
    ) throws(ModelFileError) {
        if form.outputBias, !["llama", "gpt2"].contains(architecture) {
            throw cannotHold("attention_bias", "true")
        }
        if !form.isTied, ["gemma", "gemma2"].contains(architecture) {
            throw cannotHold("tie_word_embeddings", "false")
        }
        if architecture == "qwen3moe", form.experts?.layers.count != about.layers {
            throw cannotHold(
                "mlp_only_layers or decoder_sparse_step", "with layers without experts")
        }
        if architecture == "phi3", about.heads * about.headSize != about.width {
            throw cannotHold("head_dim", "\(about.headSize)")
        }
    }

    /// Reads the description back and throws unless it means the model that it was made from.
    ///
    /// - Parameter shapes: of all tensors that are written, by name.
    /// - Throws: ``ModelFileError/user(_:)``, with config.json's key for what would be lost.
    func check(_ model: any LanguageModel, shapes: [String: [Int]]) throws(ModelFileError) {
        let read: any LanguageModel
        do throws(ModelFileError) {
            let metadata = try GGUFMetadata(
                Dictionary(
                    metadata.map { ($0.key, $0.value) }, uniquingKeysWith: { _, last in last }),
                shapes: shapes,
                factors: Dictionary(uniqueKeysWithValues: factors.map { ($0.name, $0.numbers) }),
                file: "the file")
            let configuration = try GGUFArchitecture.of(metadata).configuration
            try metadata.refuseUnused(of: .model)
            do {
                read = try ModelCatalog.model(configuration: configuration)
            } catch {
                throw .model(error)
            }
        } catch {
            throw .user(
                "the model cannot be written as a GGUF file, which could not be read back: "
                    + error.description)
        }
        if let difference = model.form.difference(from: read.form) {
            throw cannotHold(
                difference.key, "\(difference.value) (it would be read as \(difference.other))")
        }
    }
}

/// The values of a config.json that a model has already accepted.
struct ConfigurationValues {
    private let values: JSONValue

    init(_ text: String) { values = (try? JSONValueReader.read(text)) ?? .null }

    private init(values: JSONValue) { self.values = values }

    /// A whole number, also one that is written as 5.0.
    func count(_ key: String) -> Int? { real(key).flatMap { Int(exactly: $0) } }
    func real(_ key: String) -> Double? { values[key]?.double }
    func text(_ key: String) -> String? { values[key]?.string }
    func section(_ key: String) -> ConfigurationValues? {
        values[key].flatMap { $0.members == nil ? nil : ConfigurationValues(values: $0) }
    }
}
