/// What scores the answers that a model is trained on while it writes them.
package struct RewardSection: Sendable {
    /// What `reward_model` names.
    package enum Kind: String, CaseIterable, Sendable {
        /// An adapter on the run's own base, with its head.
        case adapter = "lora"
        /// A whole model.
        case whole = "full"
        /// A server that is asked by HTTP.
        case service = "api"
    }

    package let model: String?
    package let kind: Kind
    /// On a whole model.
    package let adapters: [String]

    static let keys = ConfigurationKey.joined(
        [
            .text("reward_model", nil, [.train]),
            .list("reward_model_adapters", nil, [.train]),
            .choice(
                "reward_model_type", Kind.adapter.rawValue, Kind.allCases.map(\.rawValue), [.train]),
        ],
        .dormant(["reward_model_quantization_bit"]))

    init(_ settings: ConfigurationSettings) {
        model = settings.optionalText("reward_model")
        kind = settings.choice("reward_model_type")
        adapters = settings.list("reward_model_adapters")
    }
}

extension ConfigurationSettings {
    /// Whether a reward model scores what is written.
    var usesRewardModel: Bool {
        stage == .policy || stage == .groupPolicy && list("grpo_reward").contains("model")
    }
}

extension RewardSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings.command == .train, settings.usesRewardModel else { return }
        guard settings.isGiven("reward_model") else {
            throw .missing(
                key: "reward_model",
                reason: "give what scores answers: an adapter that stage: rm has left, with "
                    + "reward_model_type: full a whole model, with reward_model_type: api the address "
                    + "of a server")
        }
        let kind: Kind = settings.choice("reward_model_type")
        if kind == .adapter, ![.lora, .oft, .boft, .ia3].contains(settings.finetuningType) {
            throw settings.contradiction(
                ["reward_model_type", "finetuning_type"],
                "lora puts the reward model's adapter on the run's base, which finetuning_type: "
                    + "\(settings.finetuningType.rawValue) changes; set reward_model_type: full")
        }
        if kind != .whole, settings.isGiven("reward_model_adapters") {
            throw settings.contradiction(
                ["reward_model_adapters", "reward_model_type"],
                "adapters are put on a whole reward model; set reward_model_type: full, or leave "
                    + "them out")
        }
        if settings.isGiven("reward_model_quantization_bit") {
            throw settings.contradiction(
                ["reward_model_quantization_bit", "reward_model"],
                "a reward model is read as its files have it: give a quantized .gguf file, or leave "
                    + "it out")
        }
        let address = settings.text("reward_model")
        if kind == .service, !address.hasPrefix("http://") {
            throw settings.contradiction(
                ["reward_model", "reward_model_type"],
                "found '\(address)', expected an address http://HOST:PORT/PATH for "
                    + "reward_model_type: api (https is not spoken; put a proxy in between)")
        }
        if kind != .service, address.contains("://") {
            throw settings.contradiction(
                ["reward_model", "reward_model_type"],
                "found the address '\(address)', expected a folder; set reward_model_type: api to "
                    + "ask a server")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard settings.command == .train, !settings.usesRewardModel else { return }
        settings.noteUnused(
            keys.filter { $0.support == .full }.map(\.name),
            since: settings.stage == .groupPolicy
                ? "grpo_reward does not name model" : "stage is \(settings.stage.rawValue)")
    }
}
