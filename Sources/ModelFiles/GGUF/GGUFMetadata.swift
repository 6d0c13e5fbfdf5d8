import Files
import WeightFiles

/// The metadata of a GGUF file, read key by key below its architecture's name.
///
/// What was asked for is remembered: a key that was not, and is not known to change nothing, is an
/// error (``refuseUnused(of:)``).
struct GGUFMetadata {
    /// `general.architecture`.
    let architecture: String
    /// Tensor name to extents, outermost first.
    let shapes: [String: [Int]]
    /// Tensor name to numbers, of the tensors that are part of the configuration.
    let factors: [String: [Float]]
    let file: String
    private let values: [String: GGUFValue]
    private let keys: KeyedObject

    /// What Llama 3's rotary frequencies are divided by.
    static let llamaFactors = "rope_freqs.weight"
    /// What Phi-3's are divided by in long texts, and in short ones.
    static let longFactors = "rope_factors_long.weight"
    static let shortFactors = "rope_factors_short.weight"

    /// - Throws: ``ModelFileError/weightFile(_:)`` where the file does not say its architecture.
    init(
        _ values: [String: GGUFValue], shapes: [String: [Int]] = [:],
        factors: [String: [Float]] = [:], file: String
    ) throws(ModelFileError) {
        guard let architecture = values["general.architecture"]?.string else {
            throw .weightFile(.missing(entry: "general.architecture", file: file))
        }
        self.architecture = architecture
        self.values = values
        self.shapes = shapes
        self.factors = factors
        self.file = file
        do {
            keys = try KeyedObject(
                .object(
                    values.sorted { $0.key < $1.key }.map { ($0.key, Self.json($0.value)) }),
                file: file)
        } catch {
            throw .user("\(file): found \(error.found), expected \(error.expected)")
        }
    }

    /// A value as it is compared and shown. Arrays are only named: they may be long, and their
    /// elements are read from ``values``.
    private static func json(_ value: GGUFValue) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .bool(let flag): .bool(flag)
        case .float32(let number): .number(PythonNumber.text(shortest(number)))
        case .float64(let number): .number(PythonNumber.text(number))
        case .uint64(let number): .number("\(number)")
        case .array(let array): .string("an array of \(array.count)")
        default: value.integer.map(JSONValue.int) ?? .null
        }
    }

    /// A float32 with no more digits than it needs.
    static func shortest(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }

    /// The value of `key`: below the architecture's name, or of that very name. It is used thereby.
    private func value(_ key: String) -> GGUFValue? {
        for name in ["\(architecture).\(key)", key] where values[name] != nil {
            _ = keys.contains(name)
            return values[name]
        }
        return nil
    }

    func has(_ key: String) -> Bool { value(key) != nil }

    /// The keys that begin with `prefix`, by name, with their values. They are used thereby.
    func members(below prefix: String) -> [JSONValue.Member] {
        values.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.map { key, value in
            _ = keys.contains(key)
            return (key: key, value: Self.json(value))
        }
    }

    /// A whole number above 0. Lists, one entry a layer, have to agree in all entries.
    ///
    /// - Parameter limit: the largest that makes sense; more would only exhaust memory.
    func count(
        _ key: String, default fallback: Int? = nil, atMost limit: Int = 1 << 30
    ) throws(ModelFileError) -> Int {
        guard let value = value(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        if let list = value.integers {
            let numbers = Set(list)
            guard numbers.count == 1, let number = numbers.first, number > 0, number <= limit
            else {
                throw wrong(
                    key, "\(list.count) numbers that are not one", expected: "one for all layers")
            }
            return number
        }
        guard let number = value.integer, number > 0, number <= limit else {
            throw wrong(key, described(value), expected: "a whole number of 1 to \(limit)")
        }
        return number
    }

    /// A finite number.
    func real(_ key: String, default fallback: Double? = nil) throws(ModelFileError) -> Double {
        guard let value = value(key) else {
            guard let fallback else { throw missing(key) }
            return fallback
        }
        guard let number = value.number, number.isFinite else {
            throw wrong(key, described(value), expected: "a finite number")
        }
        return number
    }

    /// A number above 0.
    func positive(_ key: String, default fallback: Double? = nil) throws(ModelFileError) -> Double {
        let number = try real(key, default: fallback)
        guard number > 0 else { throw wrong(key, "\(number)", expected: "a number above 0") }
        return number
    }

    func text(_ key: String) throws(ModelFileError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw wrong(key, described(value), expected: "text") }
        return text
    }

    /// A whole number of 0 and more.
    func integer(_ key: String) throws(ModelFileError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.integer, number >= 0 else {
            throw wrong(key, described(value), expected: "a whole number of 0 or more")
        }
        return number
    }

    func flag(_ key: String) throws(ModelFileError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else {
            throw wrong(key, described(value), expected: "true or false")
        }
        return flag
    }

    func texts(_ key: String) throws(ModelFileError) -> [String]? {
        try list(key, of: "texts") { $0.strings }
    }

    func integers(_ key: String) throws(ModelFileError) -> [Int]? {
        try list(key, of: "whole numbers") { $0.integers }
    }

    func reals(_ key: String) throws(ModelFileError) -> [Double]? {
        try list(key, of: "numbers") { $0.numbers }
    }

    /// A list of bools; `nil` where the key is something else.
    func flags(_ key: String) -> [Bool]? { value(key)?.array?.bools }

    private func list<Element>(
        _ key: String, of what: String, _ elements: (GGUFArray) -> [Element]?
    ) throws(ModelFileError) -> [Element]? {
        guard let value = value(key) else { return nil }
        guard let list = value.array.flatMap(elements) else {
            throw wrong(key, described(value), expected: "an array of \(what)")
        }
        return list
    }

    /// The extents of a tensor that the file must hold.
    func shape(_ tensor: String) throws(ModelFileError) -> [Int] {
        guard let shape = shapes[tensor] else {
            throw .weightFile(.missing(entry: tensor, file: file))
        }
        return shape
    }

    private func described(_ value: GGUFValue) -> String { Self.json(value).kind }

    private func missing(_ key: String) -> ModelFileError {
        .weightFile(.missing(entry: "\(architecture).\(key)", file: file))
    }

    /// That a key's value cannot be used.
    func wrong(_ key: String, _ found: String, expected: String) -> ModelFileError {
        let name = values[key] == nil ? "\(architecture).\(key)" : key
        return .weightFile(
            .malformed(detail: "\(name) is \(found), expected \(expected)", file: file))
    }
}

// MARK: - Keys that were not asked for

extension GGUFMetadata {
    /// What of the file a reader has read when it asks for leftovers.
    package enum Part {
        /// All but the tokenizer's keys.
        case model
        case tokenizer
    }

    /// Throws for a key that was not asked for and could change what is computed.
    ///
    /// - Throws: ``ModelFileError/user(_:)``
    func refuseUnused(of part: Part) throws(ModelFileError) {
        var harmless: [String: HarmlessKey] = [:]
        for key in values.keys {
            if key.hasPrefix("tokenizer.") != (part == .tokenizer) {
                harmless[key] = .always
            } else {
                harmless[key] = rule(key)
            }
        }
        do {
            try keys.refuseUnused(harmless: harmless)
        } catch {
            throw .user(error.message)
        }
    }

    /// When a key changes nothing; `nil` where it does, or where nothing is known of it.
    private func rule(_ key: String) -> HarmlessKey? {
        if let rule = Self.general[key] { return rule }
        // What is below this and was not asked for would change how texts are drawn.
        if key.hasPrefix(GGUFGeneration.prefix) { return nil }
        // Names, licences, origins: gguf.md, "General metadata".
        let tells = ["general.", "quantize.imatrix."]
        if tells.contains(where: key.hasPrefix) { return .always }
        guard key.hasPrefix(architecture + ".") else { return nil }
        return Self.inArchitectures[String(key.dropFirst(architecture.count + 1))]
    }

    private static let general: [String: HarmlessKey] = [
        // An adapter or the image part of a model is no model.
        "general.type": .at([.string("model")]),
        "general.architecture": .always,
        // Checked where the file's header is read.
        "general.alignment": .always,
        "general.quantization_version": .at([.int(2)]),
        "split.no": .always, "split.count": .always, "split.tensors.count": .always,
        // Tokens for filling in the middle, which no reader here puts in by itself.
        "tokenizer.ggml.fim_pre_token_id": .always, "tokenizer.ggml.fim_suf_token_id": .always,
        "tokenizer.ggml.fim_mid_token_id": .always, "tokenizer.ggml.fim_pad_token_id": .always,
        "tokenizer.ggml.fim_rep_token_id": .always, "tokenizer.ggml.fim_sep_token_id": .always,
        "tokenizer.ggml.prefix_token_id": .always, "tokenizer.ggml.suffix_token_id": .always,
        "tokenizer.ggml.middle_token_id": .always, "tokenizer.ggml.mask_token_id": .always,
        "tokenizer.ggml.seperator_token_id": .always, "tokenizer.ggml.cls_token_id": .always,
        "tokenizer.ggml.token_type_count": .always, "tokenizer.ggml.add_sep_token": .flag(false),
        "tokenizer.ggml.eot_token_id": .always, "tokenizer.ggml.eom_token_id": .always,
        "tokenizer.ggml.add_padding_token": .flag(false),
        "tokenizer.ggml.add_unknown_token": .flag(false), "tokenizer.ggml.eos_token_ids": .always,
        // Names of the templates under `tokenizer.chat_template.`, which the keys tell too.
        "tokenizer.chat_templates": .always,
        // The same vocabulary once more.
        "tokenizer.huggingface.json": .always,
    ]

    /// Keys below any architecture's name, at the values that mean what is computed without them.
    private static let inArchitectures: [String: HarmlessKey] = [
        "rope.scaling.finetuned": .always,
        "tensor_data_layout": .at([.string("Meta AI original pth"), .string("reference")]),
        "pooling_type": .always,
        "attention.causal": .flag(true), "use_parallel_residual": .flag(false),
        "attention.clamp_kqv": .at([.int(0)]), "attention.max_alibi_bias": .at([.int(0)]),
        "logit_scale": .at([.int(0), .int(1)]), "residual_scale": .at([.int(0), .int(1)]),
        "embedding_scale": .at([.int(0), .int(1)]),
        "attention.output_scale": .at([.int(0), .int(1)]),
        "attention.scale": .at([.int(0)]), "attn_logit_softcapping": .at([.int(0)]),
        "final_logit_softcapping": .at([.int(0)]), "router_logit_softcapping": .at([.int(0)]),
        "attention.sliding_window": .at([.int(0)]), "attention.shared_kv_layers": .at([.int(0)]),
        "attention.temperature_length": .at([.int(0)]),
        "attention.temperature_scale": .at([.int(0)]),
        "expert_count": .at([.int(0)]), "expert_used_count": .at([.int(0)]),
        "expert_shared_count": .at([.int(0)]), "leading_dense_block_count": .at([.int(0)]),
        "expert_group_count": .at([.int(0), .int(1)]),
        "expert_group_used_count": .at([.int(0), .int(1)]),
        "expert_weights_scale": .at([.int(0), .int(1)]), "expert_weights_norm": .flag(true),
        // Softmax (llama.cpp's `llama_expert_gating_func_type`).
        "expert_gating_func": .at([.int(0), .int(1)]),
        "nextn_predict_layers": .at([.int(0)]), "rope.scaling.alpha": .at([.int(0)]),
    ]
}
