/// Which modules of a model are meant, with PEFT's rules.
package enum ModuleTargets: Equatable, Sendable {
    /// Every linear layer but the head, as LLaMA-Factory's `all` and PEFT's `all-linear`.
    case all
    /// A module whose path is one of the names, or ends in a dot and one of them.
    case names([String])
    /// A module whose whole path matches.
    case regex(String)

    /// From a setting: `all`, names divided by commas, or a regular expression, which is what
    /// holds characters that no module's path has.
    package init(setting: String) {
        let text = setting.trimmingSpaces
        let isNames = text.allSatisfy { $0.isLetter || $0.isNumber || "._-, ".contains($0) }
        if text == "all" || text == "all-linear" {
            self = .all
        } else if isNames {
            self = .names(text.split(separator: ",").map { String($0).trimmingSpaces })
        } else {
            self = .regex(text)
        }
    }

    /// As a message shows it.
    var text: String {
        switch self {
        case .all: "all"
        case .names(let names): names.joined(separator: ", ")
        case .regex(let pattern): pattern
        }
    }
}

/// How the first A and B are made.
package enum LoRAInitialization: Equatable, Sendable {
    /// A uniform on ±1/√in, B zeros.
    case uniform
    /// From the largest singular values of the weight, which keeps the rest; `iterations` of the
    /// randomized method, or `nil` for an exact decomposition.
    case pissa(iterations: Int?)
}

/// What PEFT's LoraConfig and LLaMA-Factory's `lora_*` settings say.
package struct LoRAConfiguration: Equatable, Sendable {
    package var rank = 8
    /// `nil`: twice the rank.
    package var alpha: Float?
    /// Of elements of the layer's input, in training.
    package var dropout: Float = 0
    package var targets = ModuleTargets.all
    package var excluded: ModuleTargets?
    /// Modules that are trained whole and written whole (`modules_to_save`).
    package var additionalTargets: [String] = []
    /// Whether the scale is α/√r in place of α/r. Source: arXiv:2312.03732.
    package var isRankStabilized = false
    /// Whether weights are decomposed into magnitude and direction (DoRA).
    package var isDecomposed = false
    /// Ranks and alphas of modules whose path ends in a match of the pattern.
    package var rankPattern = ModulePatterns<Int>()
    package var alphaPattern = ModulePatterns<Float>()
    /// The blocks that get adapters; `nil` for all.
    package var layersToTransform: [Int]?
    /// Names before the block's number in a path; empty for any.
    package var layersPattern: [String] = []
    /// Whether it belongs to a model's body alone (PEFT's FEATURE_EXTRACTION), whose names in files lack the
    /// prefix that models with heads have.
    package var isOfBody = false
    package var initialization = LoRAInitialization.uniform
    package var plus: LoRAPlus?
    /// `base_model_name_or_path` of the file it was read from.
    package var base = ""

    package init() {}

    /// Far above the width of any layer; a larger number is a mistake.
    static let largestRank = 65_536

    package var resolvedAlpha: Float { alpha ?? 2 * Float(rank) }

    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` and
    ///   ``FinetuningError/unsupported(what:advice:)``.
    package func validate() throws(FinetuningError) {
        let ranks = 1...Self.largestRank
        for rank in [rank] + rankPattern.values where !ranks.contains(rank) {
            throw .invalid(
                setting: "lora_rank", found: "\(rank)",
                expected: "from 1 to \(Self.largestRank)")
        }
        guard dropout >= 0, dropout < 1 else {
            throw .invalid(
                setting: "lora_dropout", found: "\(dropout)", expected: "at least 0 and below 1")
        }
        for alpha in [resolvedAlpha] + alphaPattern.values where !(alpha > 0 && alpha.isFinite) {
            throw .invalid(
                setting: "lora_alpha", found: "\(alpha)", expected: "above 0 and finite")
        }
        if case .names(let names) = targets, names.isEmpty {
            throw .invalid(setting: "lora_target", found: "empty", expected: "all or names")
        }
        if isDecomposed, initialization != .uniform {
            throw .unsupported(
                what: "use_dora with pissa_init", advice: "choose one of them")
        }
        if case .regex = targets, layersToTransform != nil {
            throw .invalid(
                setting: "layers_to_transform", found: "given",
                expected: "names in target_modules, not a regular expression")
        }
        if let ratio = plus?.ratio, !(ratio > 0) {
            throw .invalid(
                setting: "loraplus_lr_ratio", found: "\(ratio)", expected: "above 0")
        }
    }

    /// s of y = x Wᵀ + s · x Aᵀ Bᵀ.
    func scale(rank: Int, alpha: Float) -> Float {
        isRankStabilized ? alpha / Float(rank).squareRoot() : alpha / Float(rank)
    }
}

/// Different learning rates for the two factors. Source: Hayou et al. 2024, arXiv:2402.12354.
package struct LoRAPlus: Equatable, Sendable {
    /// B's learning rate over A's.
    package var ratio: Float
    /// The rate of an embedding's B over the run's (`loraplus_lr_embedding` / `learning_rate`).
    package var embeddingFactor: Float

    package init(ratio: Float, embeddingFactor: Float) {
        self.ratio = ratio
        self.embeddingFactor = embeddingFactor
    }

    /// As LLaMA-Factory groups parameters: an embedding's B; then B and vectors; then the rest.
    func factor(name: String, isVector: Bool) -> Float {
        if name.contains("lora_embedding_B") { return embeddingFactor }
        return name.contains("lora_B") || isVector ? ratio : 1
    }
}

extension String {
    var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
