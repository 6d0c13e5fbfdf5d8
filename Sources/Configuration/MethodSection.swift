/// What is trained, and with which objective.
package struct MethodSection: Sendable {
    /// The objective.
    package enum Stage: String, CaseIterable, Sendable {
        /// Pretraining: every next token of running text.
        case pretraining = "pt"
        /// Supervised finetuning: the answers of instruction examples.
        case supervised = "sft"
        /// Labels of texts or of their words.
        case classification = "cls"
        /// Which of two answers is better.
        case preference = "dpo"
        /// Which single answers are good.
        case desirability = "kto"

        /// Which of two answers is better, as a score of each says: a reward model.
        case ranking = "rm"
        /// What the model writes, as a reward model and a value head judge it.
        case policy = "ppo"
        /// What the model writes, as rewards rank the answers to each prompt.
        case groupPolicy = "grpo"

        /// Whether answers are compared or judged, not repeated.
        package var learnsPreferences: Bool {
            self == .preference || self == .desirability || self == .ranking
        }
        /// Whether the model writes texts that it then learns from.
        package var learnsFromItsTexts: Bool { self == .policy || self == .groupPolicy }
        /// Whether predictions are numbers or labels, not texts that the model writes.
        package var predictsWithoutGenerating: Bool {
            self == .classification || self == .ranking
        }
        /// Whether rows are encoded as the run starts, so that `prepare` has nothing to do.
        package var encodesAsItStarts: Bool {
            self == .classification || learnsPreferences || learnsFromItsTexts
        }
    }

    /// Which weights change.
    package enum FinetuningType: String, Sendable {
        case full, freeze, lora, oft, boft, ia3
        /// Virtual tokens before each text: their embeddings, what a network makes of others, or keys and
        /// values in each layer.
        case promptTuning = "prompt_tuning"
        case pTuning = "p_tuning"
        case prefixTuning = "prefix_tuning"
        /// Bottleneck adapters between the blocks' sublayers.
        case adapter

        /// Whether a trained model gets parts beside its weights.
        var isAdapter: Bool { self != .full && self != .freeze }
        /// Whether it puts tokens before each text.
        var hasVirtualTokens: Bool {
            self == .promptTuning || self == .pTuning || self == .prefixTuning
        }
    }

    package let stage: Stage
    package let finetuningType: FinetuningType
    package let doTrain: Bool
    package let doEval: Bool
    package let doPredict: Bool

    static let keys = ConfigurationKey.joined(
        [
            .choice(
                "stage", Stage.supervised.rawValue, Stage.allCases.map(\.rawValue),
                [.train, .prepare, .bench, .plan]),
            .choice(
                "finetuning_type", nil,
                [
                    "lora", "full", "freeze", "adapter", "oft", "boft", "ia3", "prompt_tuning",
                    "p_tuning", "prefix_tuning",
                ],
                ConfigurationCommand.adapted),
            .boolean("do_train", nil, [.train]),
            .boolean("do_eval", nil, [.train]),
            .boolean("do_predict", false, [.train]),
        ],
        .foreign(.megatron, ForeignEngine.megatron.keys),
        .foreign(.kTransformers, ForeignEngine.kTransformers.keys),
        .dormant([
            "cpu_infer", "chunk_size", "mode",
        ]))

    init(_ settings: ConfigurationSettings) {
        stage = settings.stage
        finetuningType = settings.finetuningType
        doTrain = settings.optionalBoolean("do_train") ?? true
        doEval = settings.optionalBoolean("do_eval") ?? false
        doPredict = settings.boolean("do_predict")
    }
}

extension MethodSection: ConfigurationSection {
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        if settings["finetuning_type"] == .none {
            // LLaMA-Factory's default; what is measured or foretold is the run itself.
            let adapts =
                Set.training.contains(settings.command)
                && !settings.boolean("train_from_scratch")
            let type: FinetuningType = adapts ? .lora : .full
            settings.resolve("finetuning_type", .text(type.rawValue))
        }
        let evaluates =
            settings.optionalBoolean("do_eval") ?? (settings.evalStrategy != .no)
        let predicts = settings.boolean("do_predict")
        let trains = !settings.isEvaluationOnly
        if !trains, !evaluates, !predicts {
            throw .contradiction(
                keys: ["do_train", "do_eval"], reason: "both are false, so there is nothing to do",
                place: settings.place("do_train"))
        }
        settings.resolve("do_train", .boolean(trains))
        settings.resolve("do_eval", .boolean(evaluates))
    }

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings.command == .train else { return }
        if settings.boolean("do_predict"), !settings.stage.predictsWithoutGenerating,
            !settings.stage.learnsPreferences, !settings.stage.learnsFromItsTexts,
            !settings.isContrastive,
            !settings.boolean("predict_with_generate")
        {
            throw settings.contradiction(
                ["do_predict", "predict_with_generate"],
                "predictions are generated; set predict_with_generate: true")
        }
        if settings.boolean("do_predict"), settings.number("val_size") == 0,
            settings.list("eval_dataset").isEmpty
        {
            throw settings.contradiction(
                ["do_predict"], "needs held-out samples; set val_size or eval_dataset")
        }
    }
}
