extension TaskHead {
    /// Of BERT and what has its layers.
    init(_ plan: TaskPlan, of configuration: EncoderConfiguration, in root: Scope) {
        let (width, deviation) = (configuration.hiddenSize, configuration.initializerRange)
        let dropout = configuration.dropout
        func linear(_ scope: Scope, to outputs: Int) -> Linear {
            Linear(scope, from: width, to: outputs, bias: true, deviation: deviation)
        }
        let classifier = root / "classifier"
        switch (plan.kind, configuration.names.textHead) {
        case (.sequence, .pooler):
            let names = configuration.names
            let dense = linear(root / names.prefix / names.pooler, to: width)
            self.init(
                plan, pooling: .first,
                transform: HeadTransform(dense: dense, activation: .tanh, norm: nil),
                dropout: dropout.sequence, output: linear(classifier, to: plan.outputs),
                modules: ["classifier"], transformModule: "pooler")
        case (.sequence, .beside(let name, let activation)):
            // PEFT takes "classifier" for the end of this name too: both are trained whole.
            self.init(
                plan, pooling: .first,
                transform: HeadTransform(
                    dense: linear(root / name, to: width), activation: activation, norm: nil),
                dropout: dropout.sequence, output: linear(classifier, to: plan.outputs),
                modules: [name, "classifier"])
        case (.sequence, .dense(let activation)):
            let dense = linear(classifier / "dense", to: width)
            self.init(
                plan, pooling: .first, inputDropout: dropout.sequence,
                transform: HeadTransform(dense: dense, activation: activation, norm: nil),
                dropout: dropout.sequence,
                output: linear(classifier / "out_proj", to: plan.outputs),
                modules: ["classifier"])
        case (.tokens, _):
            self.init(
                plan, pooling: .first, dropout: dropout.words,
                output: linear(classifier, to: plan.outputs), modules: ["classifier"])
        case (.span, _):
            self.init(
                plan, pooling: .first, dropout: dropout.answers,
                output: linear(root / "qa_outputs", to: plan.outputs), modules: ["qa_outputs"])
        }
    }

    /// Of BERT's pretraining: whether the second of two texts follows the first (0), or is any other (1).
    init(pairsOf configuration: EncoderConfiguration, in root: Scope) {
        let (width, deviation) = (configuration.hiddenSize, configuration.initializerRange)
        let dense = Linear(
            root / configuration.names.prefix / "pooler" / "dense", from: width, to: width,
            bias: true, deviation: deviation)
        self.init(
            TaskPlan(.sequence, labels: ["0", "1"]), pooling: .first,
            transform: HeadTransform(dense: dense, activation: .tanh, norm: nil),
            output: Linear(
                root / "cls" / "seq_relationship", from: width, to: 2, bias: true,
                deviation: deviation), modules: [])
    }

    /// Of ELECTRA's pretraining: whether each token is another than the text had.
    init(replacedTokensOf configuration: EncoderConfiguration, in root: Scope) {
        let (width, deviation) = (configuration.hiddenSize, configuration.initializerRange)
        let scope = root / "discriminator_predictions"
        let dense = Linear(
            scope / "dense", from: width, to: width, bias: true, deviation: deviation)
        self.init(
            TaskPlan(.tokens, labels: ["0"]), pooling: .first,
            transform: HeadTransform(
                dense: dense, activation: configuration.activation, norm: nil),
            output: Linear(
                scope / "dense_prediction", from: width, to: 1, bias: true, deviation: deviation),
            modules: [])
    }

    /// Of ModernBERT, where all tasks have the language head's layer.
    init(
        _ plan: TaskPlan, modernBERT file: ConfigurationFile, width: Int,
        transform: HeadTransform, in root: Scope
    ) throws(ModelError) {
        let pooling = try file.text("classifier_pooling", default: "cls")
        guard ["cls", "mean"].contains(pooling) else {
            throw file.unsupported("classifier_pooling", "cls, mean")
        }
        self.init(
            plan, pooling: pooling == "mean" ? .mean : .first, transform: transform,
            dropout: try file.probability("classifier_dropout", default: 0),
            output: Linear(
                root / "classifier", from: width, to: plan.outputs, bias: true,
                deviation: 1 / Float(width).squareRoot()),
            modules: ["classifier"], transformModule: "head")
    }

    /// Of T5: labels of a text are said of the decoder's state at its end, those of words of the encoder's
    /// states, answers of all of the decoder's.
    ///
    /// With transformers' deviation of a classifier of words, initializer_factor, the first loss is enormous.
    init(_ plan: TaskPlan, of configuration: T5Configuration, in root: Scope) {
        let (width, dropout) = (configuration.width, configuration.classifierDropout)
        func linear(_ scope: Scope, to outputs: Int) -> Linear {
            Linear(
                scope, from: width, to: outputs, bias: true,
                deviation: configuration.inputDeviation)
        }
        switch plan.kind {
        case .sequence:
            let scope = root / "classification_head"
            let dense = linear(scope / "dense", to: width)
            self.init(
                plan, pooling: .lastOf(configuration.end), inputDropout: dropout,
                transform: HeadTransform(dense: dense, activation: .tanh, norm: nil),
                dropout: dropout, output: linear(scope / "out_proj", to: plan.outputs),
                modules: ["classification_head"])
        case .tokens:
            self.init(
                plan, pooling: .first, dropout: dropout,
                output: linear(root / "classifier", to: plan.outputs), modules: ["classifier"])
        case .span:
            self.init(
                plan, pooling: .first, output: linear(root / "qa_outputs", to: plan.outputs),
                modules: ["qa_outputs"])
        }
    }

    /// Of decoders: a text's last token has seen all of it.
    init(
        _ plan: TaskPlan, decoder file: ConfigurationFile, width: Int, deviation: Float,
        in root: Scope
    ) throws(ModelError) {
        guard !plan.isValueHead else {
            // TRL's ValueHead: uniform numbers, as PyTorch's Linear draws them.
            self.init(
                plan, pooling: .last(padding: nil),
                dropout: try file.probability("summary_dropout_prob", default: 0.1),
                output: Linear(
                    apartIn: root / "v_head" / "summary", from: width, to: 1,
                    bound: 1 / Float(width).squareRoot()), modules: [])
            return
        }
        let padding = file.value("pad_token_id")?.integer.map { Int32(clamping: $0) }
        guard plan.kind != .span else {
            self.init(
                plan, pooling: .last(padding: padding),
                output: Linear(
                    root / "qa_outputs", from: width, to: plan.outputs, bias: true,
                    deviation: deviation),
                modules: ["qa_outputs"])
            return
        }
        let isText = plan.kind == .sequence
        let keys = ["classifier_dropout", "hidden_dropout"]
        let key = keys.first(where: file.has) ?? keys[0]
        let isClassifier = ["gpt2", "gpt_neox"].contains(file.modelType) && !isText
        let name = isClassifier ? "classifier" : "score"
        let hasBias = !isText
        self.init(
            plan, pooling: .last(padding: padding),
            dropout: isText ? 0 : try file.probability(key, default: 0.1),
            output: Linear(
                root / name, from: width, to: plan.outputs, bias: hasBias, deviation: deviation),
            modules: [name])
    }
}
