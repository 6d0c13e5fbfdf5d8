import Foundation

/// adapter_config.json as PEFT reads and writes it, for LoRA and its kin.
struct PEFTConfiguration: Decodable {
    /// One name, or a regular expression, or several names.
    enum Names: Decodable {
        case one(String)
        case several([String])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let text = try? container.decode(String.self) {
                self = .one(text)
            } else {
                self = .several(try container.decode([String].self))
            }
        }
    }

    /// `true`, `false` or the name of a method.
    enum Switch: Decodable {
        case flag(Bool)
        case name(String)

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else {
                self = .name(try container.decode(String.self))
            }
        }
    }

    /// A block's number, or several.
    enum Layers: Decodable {
        case one(Int)
        case several([Int])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .one(number)
            } else {
                self = .several(try container.decode([Int].self))
            }
        }
    }

    /// Something of which only matters whether it is there and not empty.
    struct Presence: Decodable {
        let isPresent: Bool

        init(from decoder: any Decoder) throws {
            if let list = try? decoder.unkeyedContainer() {
                isPresent = (list.count ?? 0) > 0
            } else if let table = try? decoder.container(keyedBy: AnyKey.self) {
                isPresent = !table.allKeys.isEmpty
            } else {
                let value = try decoder.singleValueContainer()
                isPresent = (try? value.decode(Bool.self)) ?? true
            }
        }
    }

    struct AnyKey: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    let peftType: String?
    let base: String?
    let rank: Int?
    let alpha: Float?
    let dropout: Float?
    let bias: String?
    let targets: Names?
    let excluded: Names?
    let saved: [String]?
    let initialization: Switch?
    let layers: Layers?
    let layersPattern: Names?
    let rankPattern: [String: Int]?
    let alphaPattern: [String: Float]?
    let isRankStabilized: Bool?
    let isDecomposed: Bool?

    enum CodingKeys: String, CodingKey {
        case peftType = "peft_type"
        case base = "base_model_name_or_path"
        case rank = "r"
        case alpha = "lora_alpha"
        case dropout = "lora_dropout"
        case bias
        case targets = "target_modules"
        case excluded = "exclude_modules"
        case saved = "modules_to_save"
        case initialization = "init_lora_weights"
        case layers = "layers_to_transform"
        case layersPattern = "layers_pattern"
        case rankPattern = "rank_pattern"
        case alphaPattern = "alpha_pattern"
        case isRankStabilized = "use_rslora"
        case isDecomposed = "use_dora"
    }

    /// Keys that change what an adapter computes, and that nothing here computes.
    private static let refused = [
        "lora_bias", "use_qalora", "use_bdlora", "alora_invocation_tokens", "arrow_config",
        "layer_replication", "target_parameters", "trainable_token_indices", "eva_config",
        "corda_config", "lora_ga_config", "kasa_config", "monteclora_config", "velora_config",
    ]

    /// - Throws: ``FinetuningError/badConfiguration(file:reason:)`` and
    ///   ``FinetuningError/unsupported(what:advice:)``.
    static func read(_ text: String, file: String) throws(FinetuningError) -> LoRAConfiguration {
        let data = Data(text.utf8)
        let decoder = JSONDecoder()
        let parsed: PEFTConfiguration
        let present: [String: Presence?]
        do {
            parsed = try decoder.decode(PEFTConfiguration.self, from: data)
            present = try decoder.decode([String: Presence?].self, from: data)
        } catch let DecodingError.typeMismatch(_, context) {
            throw .badConfiguration(file: file, reason: Self.reason(context))
        } catch {
            throw .badConfiguration(file: file, reason: "it is no JSON that PEFT writes")
        }
        for key in refused {
            if let value = present[key], value?.isPresent == true {
                throw .unsupported(
                    what: "\(file): \(key)", advice: "merge the adapter with PEFT first")
            }
        }
        return try parsed.configuration(file: file)
    }

    private static func reason(_ context: DecodingError.Context) -> String {
        let key = context.codingPath.map(\.stringValue).joined(separator: ".")
        return "\(key) has a type that PEFT does not write"
    }

    private func configuration(file: String) throws(FinetuningError) -> LoRAConfiguration {
        guard let peftType else {
            throw .badConfiguration(file: file, reason: "peft_type is missing")
        }
        guard peftType == "LORA" else {
            throw .unsupported(
                what: "\(file): peft_type \(peftType)",
                advice: "supported are LORA and AdapterHub's bottleneck adapters")
        }
        guard bias ?? "none" == "none" else {
            throw .unsupported(
                what: "\(file): bias \(bias ?? "")", advice: "merge the adapter with PEFT first")
        }
        if case .name(let method) = initialization ?? .flag(true), method.hasPrefix("pissa") {
            throw .unsupported(
                what: "\(file): an adapter of \(method) that was not converted",
                advice: "its base has changed too; save it with PEFT's "
                    + "path_initial_model_for_weight_conversion")
        }
        var configuration = LoRAConfiguration()
        configuration.rank = rank ?? 8
        configuration.alpha = alpha ?? 8
        configuration.dropout = dropout ?? 0
        guard let targets else {
            throw .unsupported(
                what: "\(file): no target_modules", advice: "name the modules it was made for")
        }
        configuration.targets = Self.targets(targets)
        configuration.excluded = excluded.flatMap {
            if case .several(let names) = $0, names.isEmpty { return nil }
            return Self.targets($0)
        }
        configuration.additionalTargets = saved ?? []
        switch layers {
        case .one(let number): configuration.layersToTransform = [number]
        case .several(let numbers):
            configuration.layersToTransform = numbers.isEmpty ? nil : numbers
        case nil: break
        }
        switch layersPattern {
        case .one(let name): configuration.layersPattern = name.isEmpty ? [] : [name]
        case .several(let names): configuration.layersPattern = names
        case nil: break
        }
        configuration.rankPattern = rankPattern ?? [:]
        configuration.alphaPattern = alphaPattern ?? [:]
        configuration.isRankStabilized = isRankStabilized ?? false
        configuration.isDecomposed = isDecomposed ?? false
        configuration.base = base ?? ""
        return configuration
    }

    private static func targets(_ names: Names) -> ModuleTargets {
        switch names {
        case .one("all-linear"): .all
        case .one(let pattern): .regex(pattern)
        case .several(let names): .names(names)
        }
    }
}

extension LoRAConfiguration {
    /// The text of adapter_config.json: what every version of PEFT reads.
    ///
    /// - Parameters:
    ///   - leafNames: what `.all` means in this model.
    ///   - saved: `modules_to_save`.
    ///   - isConv1D: whether weights lie (in, out).
    func adapterConfiguration(
        base: String, leafNames: [String], saved: [String], isConv1D: Bool
    ) throws(FinetuningError) -> String {
        var targets: Any = leafNames
        if case .names(let names) = self.targets { targets = names.sorted() }
        if case .regex(let pattern) = self.targets { targets = pattern }
        var values: [String: Any] = [
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base,
            "revision": NSNull(), "inference_mode": true, "r": rank,
            "lora_alpha": Self.number(resolvedAlpha), "lora_dropout": Double(dropout),
            "target_modules": targets, "bias": "none", "fan_in_fan_out": isConv1D,
            "init_lora_weights": true, "modules_to_save": saved.isEmpty ? NSNull() : saved,
            "layers_to_transform": layersToTransform ?? NSNull(),
            "layers_pattern": layersPattern.isEmpty ? NSNull() : layersPattern,
            "rank_pattern": rankPattern,
            "alpha_pattern": alphaPattern.mapValues { Self.number($0) },
            "use_rslora": isRankStabilized, "use_dora": isDecomposed,
        ]
        switch excluded {
        case .names(let names): values["exclude_modules"] = names
        case .regex(let pattern): values["exclude_modules"] = pattern
        case .all, nil: break
        }
        return try AdapterFolder.json(values)
    }

    /// Whole where it is: PEFT writes an integer.
    private static func number(_ value: Float) -> Any {
        value == value.rounded() && abs(value) < 1e9 ? Int(value) : Double(value)
    }
}
