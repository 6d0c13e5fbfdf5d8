import Autograd
import Kernels

/// What a model computes with its weights, as its configuration says it: two models of the same form
/// and the same weights are the same function.
///
/// What holds only in training (dropout, initial deviations) takes no part.
package struct ModelForm: Sendable {
    /// Experts in the feed-forward's place.
    package struct Experts: Sendable {
        package let count, chosen, inner: Int
        /// Whether a token's weights are divided by their sum.
        package let isNormalized: Bool
        /// Layers that have experts, ascending.
        package let layers: [Int]
    }

    /// The architecture's key of the activation.
    package var activationKey = "hidden_act"
    package var activation: String
    /// The architecture's key of the norms' epsilon.
    package var epsilonKey = "rms_norm_eps"
    /// Of the norms.
    package var epsilon: Double
    package var positions: Int
    package var groups: Int
    /// The feed-forward's width.
    package var inner: Int
    package var isTied: Bool
    /// Biases of q, k, v; of the output projection; of the feed-forward products.
    package var queryBias, outputBias, feedForwardBias: Bool
    package var headNorms, normsAddOne: Bool
    /// Whether attention and feed-forward read the same states.
    package var isParallel = false
    /// Whether norms stand behind sublayers.
    package var normsAfter = false
    package var embeddingScale: Double
    /// Factors on q·k, by layer.
    package var attentionScales: [Double]
    /// Bounds on scores and logits; 0 means none.
    package var scoreCap, logitCap: Double
    package var normalizesHead: Bool
    /// Positions each layer sees; 0 means all.
    package var windows: [Int]
    package var slopes: [Double]
    package var experts: Experts?
    package var rotary: RotaryForm?
    /// Of layers with a window, where they have their own.
    package var localRotary: RotaryForm?
    /// Layers whose queries and keys are not rotated, ascending.
    package var unrotatedLayers: [Int] = []
    /// Factors on what the first layer reads, on what sublayers add, and on what the head reads.
    package var inputScale = 1.0
    package var residualScale = 1.0
    package var headScale = 1.0
    /// Whether queries and keys have norms over all heads together.
    package var tokenNorms = false
    /// Whether sublayers read the residual stream through norms.
    package var normsBefore = true
}

extension ModelForm {
    init(_ configuration: DecoderConfiguration) {
        // Gemma's files have it under this name.
        if configuration.normsAddOne { activationKey = "hidden_activation" }
        activation = Self.name(configuration.activation)
        epsilon = Double(configuration.rmsNormEps)
        positions = configuration.maxPositionEmbeddings
        groups = configuration.numKeyValueHeads
        inner = configuration.intermediateSize
        isTied = configuration.tieWordEmbeddings
        queryBias = configuration.queryBias
        outputBias = configuration.outputBias
        feedForwardBias = configuration.feedForwardBias
        headNorms = configuration.headNorms
        normsAddOne = configuration.normsAddOne
        embeddingScale = Double(configuration.embeddingScale)
        let scale = configuration.attentionScale ?? 1 / Float(configuration.headDim).squareRoot()
        attentionScales = Array(repeating: Double(scale), count: configuration.numHiddenLayers)
        scoreCap = Double(configuration.attentionSoftcap)
        logitCap = Double(configuration.logitForm.softcap)
        normalizesHead = configuration.logitForm.normalizesRows
        windows = configuration.windows
        slopes = configuration.slopes.map(Double.init)
        experts = configuration.experts.map {
            Experts(
                count: $0.count, chosen: $0.chosen, inner: $0.inner, isNormalized: $0.normalized,
                layers: $0.layers)
        }
        rotary = configuration.rotary.map(RotaryForm.init)
        localRotary = configuration.localRotary.map(RotaryForm.init)
        unrotatedLayers = configuration.unrotatedLayers.sorted()
        inputScale = Double(configuration.inputScale)
        residualScale = Double(configuration.residualScale)
        headScale = Double(configuration.headScale)
        tokenNorms = configuration.tokenNorms
        normsBefore = configuration.normsBefore
    }

    init(_ configuration: GPT2Configuration) {
        activationKey = "activation_function"
        epsilonKey = "layer_norm_epsilon"
        activation = Self.name(configuration.activation)
        epsilon = Double(configuration.layerNormEpsilon)
        positions = configuration.nPositions
        groups = configuration.nHead
        inner = configuration.nInner
        isTied = configuration.tieWordEmbeddings
        (queryBias, outputBias, feedForwardBias) = (true, true, true)
        (headNorms, normsAddOne) = (false, false)
        embeddingScale = 1
        attentionScales = (0..<configuration.nLayer).map {
            Double(configuration.attentionScale(layer: $0))
        }
        (scoreCap, logitCap, normalizesHead) = (0, 0, false)
        windows = Array(repeating: 0, count: configuration.nLayer)
        slopes = []
    }

    init(_ configuration: EncoderConfiguration) {
        self.init(
            activation: configuration.activation, epsilon: configuration.layerNormEps,
            positions: configuration.maxPositionEmbeddings,
            heads: configuration.numAttentionHeads, headSize: configuration.headSize,
            inner: configuration.intermediateSize, layers: configuration.layerPaths.count)
        isTied = configuration.tieWordEmbeddings
    }

    init(_ configuration: ModernBERTConfiguration) {
        self.init(
            activation: configuration.hiddenActivation, epsilon: configuration.normEps,
            positions: configuration.maxPositionEmbeddings,
            heads: configuration.numAttentionHeads,
            headSize: configuration.hiddenSize / configuration.numAttentionHeads,
            inner: configuration.intermediateSize, layers: configuration.numHiddenLayers)
        isTied = configuration.tieWordEmbeddings
        (queryBias, outputBias) = (configuration.attentionBias, configuration.attentionBias)
        feedForwardBias = configuration.mlpBias
        windows = configuration.isGlobal.map { $0 ? 0 : configuration.reach + 1 }
        rotary = RotaryForm(configuration.globalRotary)
        localRotary = RotaryForm(configuration.localRotary)
    }

    init(_ configuration: T5Configuration) {
        self.init(
            activation: configuration.activation, epsilon: configuration.epsilon,
            positions: configuration.positions, heads: configuration.heads,
            headSize: configuration.headSize, inner: configuration.inner,
            layers: configuration.encoderLayers + configuration.decoderLayers)
        isTied = configuration.isTied
        (queryBias, outputBias, feedForwardBias) = (false, false, false)
        attentionScales = attentionScales.map { _ in 1 }
    }

    /// A model's with biases everywhere, its head tied and no windows, as encoders are.
    init(
        activation: Activation, epsilon: Float, positions: Int, heads: Int, headSize: Int,
        inner: Int, layers: Int
    ) {
        self.activation = Self.name(activation)
        self.epsilon = Double(epsilon)
        self.positions = positions
        groups = heads
        self.inner = inner
        isTied = true
        (queryBias, outputBias, feedForwardBias) = (true, true, true)
        (headNorms, normsAddOne) = (false, false)
        embeddingScale = 1
        attentionScales = Array(
            repeating: Double(1 / Float(headSize).squareRoot()), count: layers)
        (scoreCap, logitCap, normalizesHead) = (0, 0, false)
        windows = Array(repeating: 0, count: layers)
        slopes = []
    }

    /// As config.json spells it.
    private static func name(_ activation: Activation) -> String {
        switch activation {
        case .geluTanh: "gelu_pytorch_tanh"
        case .gelu: "gelu"
        case .silu: "silu"
        case .relu: "relu"
        case .tanh: "tanh"
        }
    }
}

// MARK: - Comparison

extension ModelForm {
    /// A key of config.json by which two models differ, and what either has.
    package struct Difference {
        package let key: String
        package let value: String
        package let other: String
    }

    /// The first difference from another model; `nil` where both compute the same but for float32's
    /// rounding of the numbers.
    package func difference(from other: ModelForm) -> Difference? {
        let (mine, theirs) = (members, other.members)
        for (mine, theirs) in zip(mine, theirs) {
            guard mine.values.count == theirs.values.count else {
                return Difference(
                    key: mine.key, value: "\(mine.values.count) values",
                    other: "\(theirs.values.count)")
            }
            for (value, other) in zip(mine.values, theirs.values)
            where abs(value - other) > Self.rounding * max(abs(value), abs(other)) {
                return Difference(
                    key: mine.key, value: mine.text(value), other: mine.text(other))
            }
        }
        guard activation == other.activation else {
            return Difference(key: activationKey, value: activation, other: other.activation)
        }
        return nil
    }

    /// Relative; numbers in files of half the digits are float32.
    private static let rounding = 1e-6

    private struct Member {
        let key: String
        let values: [Double]
        var isFlag = false
        /// What config.json has of a number.
        var setting: (Double) -> Double = { $0 }

        func text(_ value: Double) -> String {
            if isFlag { return "\(value != 0)" }
            let shown = Float(setting(value))
            return Int(exactly: shown).map(String.init) ?? "\(shown)"
        }
    }

    private var members: [Member] {
        func number(_ key: String, _ value: Double) -> Member { Member(key: key, values: [value]) }
        func flag(_ key: String, _ value: Bool) -> Member {
            Member(key: key, values: [value ? 1 : 0], isFlag: true)
        }
        let isGPT2 = activationKey == "activation_function"
        let scaleKey = isGPT2 ? "scale_attn_weights" : "query_pre_attn_scalar"
        var members = [
            number(isGPT2 ? "n_positions" : "max_position_embeddings", Double(positions)),
            number(epsilonKey, epsilon),
            number("num_key_value_heads", Double(groups)),
            flag("tie_word_embeddings", isTied), flag("attention_bias", queryBias),
            flag("attention_bias", outputBias), flag("mlp_bias", feedForwardBias),
            flag("use_parallel_residual", isParallel), flag("norms after sublayers", normsAfter),
            flag("qk_norm", headNorms), flag("1 + norm weights", normsAddOne),
            flag("qk_norm over all heads", tokenNorms), flag("norms before sublayers", normsBefore),
            number("embedding scale", embeddingScale),
            number("embedding_multiplier", inputScale),
            number("residual_multiplier", residualScale),
            Member(key: "logits_scaling", values: [headScale], setting: { 1 / $0 }),
            number("attn_logit_softcapping", scoreCap), number("final_logit_softcapping", logitCap),
            flag("normalized head", normalizesHead),
            Member(
                key: scaleKey, values: attentionScales,
                setting: { isGPT2 ? $0 : 1 / ($0 * $0) }),
            Member(key: "sliding_window", values: effectiveWindows),
            Member(key: "alibi", values: slopes),
            number("num_experts", Double(experts?.count ?? 0)),
        ]
        if let experts {
            members += [
                number("num_experts_per_tok", Double(experts.chosen)),
                number("moe_intermediate_size", Double(experts.inner)),
                flag("norm_topk_prob", experts.isNormalized),
                Member(key: "mlp_only_layers", values: experts.layers.map(Double.init)),
            ]
        } else {
            members.append(number("intermediate_size", Double(inner)))
        }
        members.append(Member(key: "rope_scaling", values: rotary?.numbers ?? []))
        members.append(Member(key: "rope_local_base_freq", values: localRotary?.numbers ?? []))
        members.append(Member(key: "no_rope_layers", values: unrotatedLayers.map(Double.init)))
        return members
    }

    /// Windows that can cut something off; where layers with one have angles of their own, all.
    private var effectiveWindows: [Double] {
        windows.map { localRotary == nil && $0 >= positions ? 0 : Double($0) }
    }
}
