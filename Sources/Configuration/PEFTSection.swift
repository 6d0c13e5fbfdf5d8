/// PEFT's methods beside LoRA, OFT and IA3: butterflies and virtual tokens. Keys are PEFT's.
package struct PEFTSection: Sendable {
    /// `all`, names of linear layers, or one regular expression.
    package let boftTarget: [String]
    /// Columns of a block; 0 leaves it to the number of blocks.
    package let boftBlockSize: Int
    /// Blocks of a layer's input; 0 leaves it to their size.
    package let boftBlocks: Int
    package let boftFactors: Int
    package let virtualTokens: Int
    package let promptStart: PromptStart
    package let promptText: String?
    /// The width of the networks that make virtual tokens; the model's own unless given.
    package let encoderWidth: Int?
    package let projectsPrefix: Bool

    /// What virtual tokens of prompt tuning are at first.
    package enum PromptStart: String, Sendable {
        case random = "RANDOM"
        case text = "TEXT"
        case vocabulary = "SAMPLE_VOCAB"
    }

    static let keys = ConfigurationKey.joined(
        [
            .list("boft_target", ["all"], .training),
            .integer("boft_block_size", 4, .from(0).within(65_536), .training),
            .integer("boft_block_num", 0, .from(0).within(65_536), .training),
            .integer("boft_n_butterfly_factor", 1, .from(1).within(16), .training),
            .integer("num_virtual_tokens", 20, .from(1).within(65_536), .training),
            .choice(
                "prompt_tuning_init", "RANDOM", ["RANDOM", "TEXT", "SAMPLE_VOCAB"], .training),
            .text("prompt_tuning_init_text", nil, .training),
            .choice(
                "encoder_reparameterization_type", "MLP", ["MLP"], later: ["LSTM"], .training),
            .integer("encoder_hidden_size", nil, .from(1).within(65_536), .training),
            .boolean("prefix_projection", false, .training),
        ],
        .later("leave it out; all blocks are always trained", ["boft_dropout"]))

    init(_ settings: ConfigurationSettings) {
        boftTarget = AdapterSection.targets(settings.list("boft_target"))
        boftBlocks = settings.integer("boft_block_num")
        boftBlockSize = boftBlocks > 0 ? 0 : settings.integer("boft_block_size")
        boftFactors = settings.integer("boft_n_butterfly_factor")
        virtualTokens = settings.integer("num_virtual_tokens")
        promptStart = settings.choice("prompt_tuning_init")
        promptText = settings.optionalText("prompt_tuning_init_text")
        encoderWidth = settings.optionalInteger("encoder_hidden_size")
        projectsPrefix = settings.boolean("prefix_projection")
    }
}

extension PEFTSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let type = settings.finetuningType
        guard settings.command == .train else { return }
        if type == .boft {
            let blocks = settings.integer("boft_block_num")
            let size = settings.integer("boft_block_size")
            if blocks > 0, settings.isGiven("boft_block_size"), size > 0 {
                throw settings.contradiction(
                    ["boft_block_num", "boft_block_size"],
                    "one follows from the other; leave one of them out")
            }
            if blocks == 0, size == 0 {
                throw settings.contradiction(
                    ["boft_block_num", "boft_block_size"], "both are 0; give one of them")
            }
        }
        guard type.hasVirtualTokens else { return }
        try validateTokens(with: settings, type)
    }

    private static func validateTokens(
        with settings: ConfigurationSettings, _ type: MethodSection.FinetuningType
    ) throws(ConfigurationError) {
        func refuse(_ key: String, _ reason: String) throws(ConfigurationError) {
            throw settings.contradiction([key, "finetuning_type"], reason)
        }
        if settings.boolean("neat_packing") {
            try refuse(
                "neat_packing",
                "virtual tokens stand before a row, not before each of its texts; leave it out")
        }
        if settings.isGiven("additional_target") {
            try refuse(
                "additional_target", "files of \(type.rawValue) hold virtual tokens alone; use lora"
            )
        }
        if settings.stage == .classification || settings.isContrastive {
            try refuse(
                settings.isContrastive ? "objective" : "stage",
                "files of \(type.rawValue) belong to models that continue texts; use lora")
        }
        if type == .promptTuning {
            let start = settings.optionalText("prompt_tuning_init") ?? ""
            let isText = start == PromptStart.text.rawValue
            if isText != settings.isGiven("prompt_tuning_init_text") {
                throw settings.contradiction(
                    ["prompt_tuning_init", "prompt_tuning_init_text"],
                    isText
                        ? "TEXT needs prompt_tuning_init_text"
                        : "a text is the start with prompt_tuning_init: TEXT alone")
            }
        }
        if type == .prefixTuning, settings.isGiven("encoder_hidden_size"),
            !settings.boolean("prefix_projection")
        {
            throw settings.contradiction(
                ["encoder_hidden_size", "prefix_projection"],
                "there is no network without prefix_projection: true")
        }
    }

    /// Keys by the methods that read them.
    private static let owners: [(keys: [String], types: [MethodSection.FinetuningType])] = [
        (
            ["boft_target", "boft_block_size", "boft_block_num", "boft_n_butterfly_factor"],
            [.boft]
        ),
        (["num_virtual_tokens"], [.promptTuning, .pTuning, .prefixTuning]),
        (["prompt_tuning_init", "prompt_tuning_init_text"], [.promptTuning]),
        (["encoder_reparameterization_type"], [.pTuning]),
        (["encoder_hidden_size"], [.pTuning, .prefixTuning]),
        (["prefix_projection"], [.prefixTuning]),
    ]

    static func note(_ settings: inout ConfigurationSettings) {
        let type = settings.finetuningType
        for (keys, types) in owners where !types.contains(type) {
            settings.noteUnused(keys, since: "finetuning_type is \(type.rawValue)")
        }
        guard let folder = settings.adapterThatGoesOn else { return }
        settings.noteUnused(
            owners.flatMap(\.keys),
            since: "the adapter in \(folder) goes on as its adapter_config.json says")
    }
}
