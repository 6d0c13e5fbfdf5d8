import Files
import ModelFiles

/// What a checkpoint remembers of a run's model beside its arrays, so that a resumed run notices another base of the
/// same shapes, or another meaning of the same arrays.
struct ModelRecord: Codable, Sendable, Equatable {
    /// Stands for the files of the frozen base and of the adapters merged into it, where a checkpoint holds an adapter
    /// alone and those were there; hexadecimal.
    var base: String?
    /// The adapter's configuration, JSON; `nil` where there is none.
    var adapter: String?
    /// How the base is rounded while it is read; `nil` in checkpoints that do not say.
    var quantization: Quantization?

    /// What `quantization_bit` asks for.
    struct Quantization: Codable, Sendable, Equatable {
        /// 8 or 4; `nil` where the base is as its files have it.
        var bits: Int?
        /// The name of the blocks: Q8_0 or NF4.
        var format: String?
    }

    init(_ setup: ModelSetup) {
        let rounding = setup.quantization
        quantization = Quantization(bits: rounding?.bits, format: rounding?.format)
        base = setup.isAdapter ? SessionData.files(setup.frozenFiles) : nil
        adapter = setup.method.settings
    }

    /// Keys of config.json that say how a model was written, run or trained, and not what it computes.
    private static let harmless: Set<String> = [
        "_name_or_path", "architectures", "torch_dtype", "dtype", "transformers_version",
        "use_cache",
        "initializer_range", "attention_dropout", "hidden_dropout", "dropout", "embd_pdrop",
        "attn_pdrop",
        "resid_pdrop", "summary_first_dropout", "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "classifier_dropout", "dropout_rate", "activation_dropout",
    ]
    /// The same of adapter_config.json.
    private static let harmlessOfAdapter: Set<String> = [
        "base_model_name_or_path", "inference_mode", "lora_dropout", "module_dropout", "dropout",
        "peft_version",
        "revision",
    ]

    /// What is not as it was, in words; empty where nothing is.
    ///
    /// - Parameters:
    ///   - kept: what the checkpoint remembers; `nil` in those of before.
    ///   - configuration: the model's config.json now and in the checkpoint.
    func changes(
        since kept: ModelRecord?, configuration: (now: String, then: String)
    ) -> [String] {
        var changes = Self.changes(configuration.now, configuration.then, without: Self.harmless)
        if let now = adapter, let then = kept?.adapter {
            changes += Self.changes(now, then, without: Self.harmlessOfAdapter)
        }
        if let now = base, let then = kept?.base, now != then {
            changes.append("the weights of the base are others")
        }
        if let now = quantization, let then = kept?.quantization {
            changes += Self.changes(now, then)
        }
        return changes
    }

    /// What of the base's rounding differs.
    private static func changes(_ now: Quantization, _ then: Quantization) -> [String] {
        func text(_ bits: Int?) -> String { bits.map(String.init) ?? "none" }
        if now.bits != then.bits {
            return ["quantization_bit is \(text(now.bits)), not \(text(then.bits))"]
        }
        guard let format = now.format, let before = then.format, format != before else { return [] }
        return ["the base is rounded to \(format), not \(before)"]
    }

    /// The keys of one object that differ in another, with both values. What is no object tells nothing.
    private static func changes(
        _ now: String, _ then: String, without harmless: Set<String>
    ) -> [String] {
        guard let now = try? JSONValueReader.read(now), let then = try? JSONValueReader.read(then),
            let members = now.members, let before = then.members
        else { return [] }
        let keys = Set((members + before).map(\.key)).subtracting(harmless)
        return keys.sorted().compactMap { key in
            let (value, old) = (now[key] ?? .null, then[key] ?? .null)
            guard !isEqual(value, old) else { return nil }
            return "\(key) is \(value.text()), not \(old.text())"
        }
    }

    /// Whether two values say the same, however their numbers are written.
    private static func isEqual(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if a == b { return true }
        if let a = a.double, let b = b.double { return a == b }
        if let a = a.array, let b = b.array {
            return a.count == b.count && zip(a, b).allSatisfy(isEqual)
        }
        guard let keys = a.members?.map(\.key), let others = b.members?.map(\.key) else {
            return false
        }
        return Set(keys + others).allSatisfy { isEqual(a[$0] ?? .null, b[$0] ?? .null) }
    }
}
