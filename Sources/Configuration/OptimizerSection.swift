package import Optimizers

/// What optimizers beyond plain AdamW are told, in LLaMA-Factory's keys and transformers'.
package struct OptimizerSection: Sendable {
    /// Of GaLore or APOLLO.
    package struct LowRank: Sendable {
        /// `all`, parts of the paths of linear layers, or a regular expression.
        package let targets: [String]
        package let rank: Int
        /// Steps with the same projection.
        package let updateInterval: Int
        package let scale: Double
        package let side: LowRankProjection.Side
    }

    /// What Adam is told.
    package struct AdamValues: Sendable {
        package let beta1: Double
        package let beta2: Double
        package let epsilon: Double
    }

    package let muonMomentum: Double
    package let muonScaling: Muon.Scaling
    /// The matrices' learning rate; `nil` is that of the rest.
    package let muonLearningRate: Double?
    package let galore: LowRank
    package let apollo: LowRank
    package let apolloProjector: APOLLO.Projector
    package let apolloGranularity: APOLLO.Granularity
    package let apolloScalesFirst: Bool
    /// Of what APOLLO does not project; `nil` for those of what it does.
    package let apolloRest: AdamValues?
    package let badamMode: BlockOrder.Mode
    /// The block that is trained first; `nil` leaves it to the mode.
    package let badamStartBlock: Int?
    /// Steps until the next block has its turn; `nil` for never.
    package let badamInterval: Int?

    private static let sides = ["std", "reverse_std", "right", "left"]

    private static func lowRank(_ name: String, scale: Double) -> [ConfigurationKey] {
        [
            .boolean("use_\(name)", false, .training),
            .list("\(name)_target", ["all"], .training),
            .integer("\(name)_rank", 16, .from(1).within(1e6), .training),
            .integer("\(name)_update_interval", 200, .from(1), .training),
            .number("\(name)_scale", scale, .above(0), .training),
            .choice("\(name)_proj_type", "std", sides, later: ["full"], .training),
        ]
    }

    static let keys = ConfigurationKey.joined(
        [
            .boolean("use_muon", false, .training),
            .number("muon_momentum", 0.95, .from(0, below: 1), .training),
            .choice(
                "muon_adjust_lr_fn", "match_rms_adamw", ["match_rms_adamw", "original"], .training),
            .number("muon_lr", nil, .above(0), .training),
            .boolean("use_adam_mini", false, .training),
        ],
        lowRank("galore", scale: 2), lowRank("apollo", scale: 32),
        [
            .choice("apollo_proj", "random", ["random", "svd"], .training),
            .choice("apollo_scale_type", "channel", ["channel", "tensor"], .training),
            .boolean("apollo_scale_front", false, .training),
            .boolean("use_badam", false, .training),
            .choice("badam_mode", "layer", ["layer"], later: ["ratio"], .training),
            .integer("badam_start_block", nil, .from(0), .training),
            .choice(
                "badam_switch_mode", "ascending", ["ascending", "descending", "random", "fixed"],
                .training),
            .integer("badam_switch_interval", 50, .from(-1), .training),
            .text("optim_args", nil, .training),
            .list("optim_target_modules", nil, .training),
        ],
        .noEffect(
            "layers move after the whole step's gradients are summed, each as it would by itself",
            ["galore_layerwise", "apollo_layerwise"]),
        .noEffect("a run says which blocks it trains", ["badam_verbose"]),
        .dormant(["badam_update_ratio", "badam_mask_mode"]))

    /// LLaMA-Factory's switches, with the optimizer that each is.
    static let switches: [(key: String, kind: TrainSection.OptimizerKind)] = [
        ("use_galore", .galore), ("use_apollo", .apollo), ("use_adam_mini", .adamMini),
        ("use_muon", .muon), ("use_badam", .badam),
    ]

    /// The keys that `optim_args` sets by transformers' names.
    private static let arguments: [TrainSection.OptimizerKind: [String: String]] = [
        .galore: [
            "rank": "galore_rank", "update_proj_gap": "galore_update_interval",
            "scale": "galore_scale", "proj_type": "galore_proj_type",
        ],
        .apollo: [
            "rank": "apollo_rank", "update_proj_gap": "apollo_update_interval",
            "scale": "apollo_scale", "proj_type": "apollo_proj_type", "proj": "apollo_proj",
            "scale_type": "apollo_scale_type",
        ],
        .muon: [
            "momentum": "muon_momentum", "adjust_lr_fn": "muon_adjust_lr_fn", "lr": "muon_lr",
        ],
        .sgd: ["momentum": "sgd_momentum"],
    ]

    /// What transformers takes in `optim_args` besides, with what to do instead.
    private static let refusedArguments: [TrainSection.OptimizerKind: [String: String]] = [
        .sgd: [
            "dampening": "momentum is never dampened here; leave it out",
            "nesterov": "momentum is never Nesterov's here; leave it out",
            "weight_decay": "give the key weight_decay, whose value transformers decays by too",
        ]
    ]

    /// galore_torch's and apollo_torch's own values for Adam.
    private static let programValues = AdamValues(beta1: 0.9, beta2: 0.999, epsilon: 1e-6)
    private static let adamKeys = ["adam_beta1", "adam_beta2", "adam_epsilon"]

    /// Where `optim` names the optimizer, transformers' values stand in place of LLaMA-Factory's.
    private static let transformersValues: [TrainSection.OptimizerKind: [String: Setting]] = [
        .galore: ["galore_rank": .integer(128), "galore_scale": .number(0.25)],
        .apollo: ["apollo_rank": .integer(128), "apollo_scale": .number(1)],
    ]

    /// The key of an optimizer's targets.
    private static let targetKeys: [TrainSection.OptimizerKind: String] = [
        .galore: "galore_target", .apollo: "apollo_target",
    ]

    init(_ settings: ConfigurationSettings) {
        func lowRank(_ name: String) -> LowRank {
            LowRank(
                targets: settings.list("\(name)_target"), rank: settings.integer("\(name)_rank"),
                updateInterval: settings.integer("\(name)_update_interval"),
                scale: settings.number("\(name)_scale"), side: settings.choice("\(name)_proj_type"))
        }
        muonMomentum = settings.number("muon_momentum")
        muonScaling = settings.choice("muon_adjust_lr_fn")
        muonLearningRate = settings.optionalNumber("muon_lr")
        galore = lowRank("galore")
        apollo = lowRank("apollo")
        apolloProjector = settings.choice("apollo_proj")
        apolloGranularity = settings.choice("apollo_scale_type")
        apolloScalesFirst = settings.boolean("apollo_scale_front")
        apolloRest = settings.boolean("use_apollo") ? nil : Self.programValues
        badamMode = settings.choice("badam_switch_mode")
        badamStartBlock = settings.optionalInteger("badam_start_block")
        let interval = settings.integer("badam_switch_interval")
        badamInterval = interval > 0 ? interval : nil
    }
}

extension OptimizerSection: ConfigurationSection {
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        let chosen = switches.filter { settings.boolean($0.key) }
        if chosen.count > 1 {
            throw settings.contradiction(
                chosen.map(\.key), "a run has one optimizer; keep one of them")
        }
        if let one = chosen.first {
            // Beside a switch LLaMA-Factory takes adamw_torch, its web page's value, for Adam's rule.
            if settings.isGiven("optim"), ![.adamw, one.kind].contains(settings.optimizerKind) {
                throw settings.contradiction(
                    ["optim", one.key], "a run has one optimizer; leave one of them out")
            }
            settings.resolve("optim", .text(one.kind.rawValue))
        }
        let kind = settings.optimizerKind
        if chosen.isEmpty {
            for (key, value) in transformersValues[kind] ?? [:] where !settings.isGiven(key) {
                settings.resolve(key, value)
            }
            if kind == .galore { resolveProgramValues(&settings) }
        }
        try resolveTargets(&settings, kind, namedBySwitch: !chosen.isEmpty)
        try resolveArguments(&settings, kind)
    }

    /// transformers tells GaLore nothing of Adam's keys, so the program's own values hold.
    private static func resolveProgramValues(_ settings: inout ConfigurationSettings) {
        let values = [programValues.beta1, programValues.beta2, programValues.epsilon]
        let changed = zip(adamKeys, values).filter { settings.number($0) != $1 }
        for (key, value) in changed { settings.resolve(key, .number(value)) }
        let names = changed.map(\.0).filter(settings.isGiven)
        guard !names.isEmpty else { return }
        settings.note(
            names.joined(separator: ", ") + ": not used, since optim: galore_adamw has betas of "
                + "0.9 and 0.999 and an epsilon of 1e-6 in transformers; use_galore: true takes it")
    }

    private static func resolveTargets(
        _ settings: inout ConfigurationSettings, _ kind: TrainSection.OptimizerKind,
        namedBySwitch: Bool
    ) throws(ConfigurationError) {
        guard let key = targetKeys[kind] else {
            guard settings.isGiven("optim_target_modules") else { return }
            throw settings.contradiction(
                ["optim_target_modules", "optim"],
                "it belongs to optim: galore_adamw and apollo_adamw; leave it out")
        }
        guard settings.isGiven("optim_target_modules") else {
            guard namedBySwitch || settings.isGiven(key) else {
                throw .missing(
                    key: "optim_target_modules",
                    reason: "optim: \(kind.rawValue) needs it; give all-linear, or parts of the "
                        + "names of linear layers, such as attn,mlp")
            }
            return
        }
        let targets = settings.list("optim_target_modules").map {
            $0.replacing("_", with: "-") == "all-linear" ? "all-linear" : $0
        }
        if settings.isGiven(key), settings.list(key) != targets {
            throw settings.contradiction(
                [key, "optim_target_modules"], "are two names of one setting but differ; keep one")
        }
        settings.resolve(key, .list(targets))
    }

    private static func resolveArguments(
        _ settings: inout ConfigurationSettings, _ kind: TrainSection.OptimizerKind
    ) throws(ConfigurationError) {
        guard let text = settings.optionalText("optim_args"), !text.isEmpty else { return }
        guard let names = arguments[kind] else {
            throw settings.contradiction(
                ["optim_args", "optim"],
                "\(kind.rawValue) takes no further arguments; leave it out")
        }
        let place = settings.place("optim_args")
        for part in text.split(separator: ",") {
            let pieces = part.split(separator: "=", omittingEmptySubsequences: false)
                .map { $0.filter { $0 != " " } }
            if let advice = refusedArguments[kind]?[pieces[0]] {
                throw .notSupportedYet(
                    key: "optim_args", value: "'\(pieces[0])'", advice: advice, place: place)
            }
            guard pieces.count == 2, let name = names[pieces[0]],
                let key = ConfigurationKey.byName[name]
            else {
                throw .wrongType(
                    key: "optim_args", found: "the text '\(part)'",
                    expected: "name=value with the names "
                        + names.keys.sorted().joined(separator: ", "), place: place)
            }
            let value = try key.read(ConfigurationValue(.string(pieces[1]), place: place))
            if settings.isGiven(name), settings[name] != value {
                throw settings.contradiction(
                    ["optim_args", name], "are two names of one setting but differ; keep one")
            }
            settings.resolve(name, value)
        }
    }

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let kind = settings.optimizerKind
        if targetKeys[kind] != nil || kind == .badam, settings.finetuningType.isAdapter {
            let name = switches.first { settings.boolean($0.key) }?.key ?? "optim"
            throw settings.contradiction(
                ["finetuning_type", name],
                "\(kind.rawValue) makes the state of large matrices small, and adapters are small "
                    + "already; set finetuning_type: full, or leave it out")
        }
        if kind == .badam { try checkBlocks(settings) }
        for key in ["muon_momentum", "muon_adjust_lr_fn", "muon_lr"]
        where settings.isChanged(key) && kind != .muon {
            throw settings.contradiction(
                [key, "optim"], "it belongs to optim: muon; leave it out")
        }
    }

    private static func checkBlocks(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let mode = settings.text("badam_switch_mode")
        let hasStart = settings["badam_start_block"] != .none
        if mode == "fixed", !hasStart {
            throw settings.contradiction(
                ["badam_switch_mode", "badam_start_block"],
                "a fixed block is the one that badam_start_block names; give it, from 0")
        }
        if mode == "random", hasStart {
            throw settings.contradiction(
                ["badam_switch_mode", "badam_start_block"],
                "in a random order no block is the first; leave badam_start_block out")
        }
        if settings.integer("badam_switch_interval") == 0 {
            throw settings.contradiction(
                ["badam_switch_interval"], "expected a number of steps, or -1 for never")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        let kind = settings.optimizerKind
        for (prefix, owner) in [
            ("galore_", TrainSection.OptimizerKind.galore), ("apollo_", .apollo),
            ("badam_", .badam),
        ] where kind != owner {
            settings.noteUnused(
                keys.map(\.name).filter { $0.hasPrefix(prefix) },
                since: "optim is \(kind.rawValue)")
        }
        noteAdamKeys(&settings, kind)
        if let name = settings.spelling("optim"), name.hasSuffix("_layerwise") {
            settings.note(
                "optim: \(name) runs as \(kind.rawValue): layers move after the whole step's "
                    + "gradients are summed, each as it would by itself")
        }
    }

    /// Not every rule has Adam's moments.
    private static func noteAdamKeys(
        _ settings: inout ConfigurationSettings, _ kind: TrainSection.OptimizerKind
    ) {
        switch kind {
        case .lion: settings.noteUnused(["adam_epsilon"], since: "optim is \(kind.rawValue)")
        case .sgd, .adafactor: settings.noteUnused(adamKeys, since: "optim is \(kind.rawValue)")
        case .apollo where !settings.boolean("use_apollo"):
            let changed = adamKeys.filter(settings.isChanged)
            guard !changed.isEmpty else { return }
            settings.note(
                changed.joined(separator: ", ") + ": used for projected layers only; with optim: "
                    + "apollo_adamw the rest has betas of 0.9 and 0.999 and an epsilon of 1e-6, "
                    + "as in transformers; use_apollo: true takes it for all")
        case .adamw, .muon, .adamMini, .galore, .apollo, .badam: break
        }
    }
}

extension ConfigurationSettings {
    /// The rule that turns gradients into updates.
    var optimizerKind: TrainSection.OptimizerKind { choice("optim") }
}
