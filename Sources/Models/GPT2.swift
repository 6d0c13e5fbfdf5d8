package import Autograd
import Files
import Kernels

/// GPT-2: learned positions, layer norms, fused q, k and v, weights stored (in, out).
///
/// Source: Radford et al. 2019, section 2.3; initialised as there, with the output projections'
/// deviation divided by √(2 · layers). Names are Hugging Face's.
package final class GPT2: LanguageModel {
    package var description: ModelDescription { virtualTokens.shortening(ownDescription) }
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package let taskHead: TaskHead?
    package var optionalPrefix: String { "transformer." }
    private let ownDescription: ModelDescription
    private let virtualTokens: VirtualTokenSlot
    private let tokens: TokenEmbedding  // wte (V, C)
    private let positions: Parameter  // wpe (positions, C)
    /// GLM's second positions, of places within blocks that are written behind a text; `nil` in GPT-2 itself.
    private let blockPositions: Parameter?  // (positions + 1, C)
    private let blocks: [GPT2Block]
    private let norm: LayerNorm
    private let embeddingDropout: Float

    /// - Parameter file: a config.json with `model_type: gpt2`.
    init(_ file: ConfigurationFile) throws(ModelError) {
        let configuration = try GPT2Configuration(file)
        let root = Scope(registry)
        let scope = root / "transformer"
        let initial = Initializer.normal(deviation: configuration.initializerRange)
        let width = configuration.nEmbd
        tokens = TokenEmbedding(
            scope / "wte", vocabulary: configuration.vocabSize, width: width,
            deviation: configuration.initializerRange)
        positions = (scope / "wpe").parameter(
            "weight", [configuration.nPositions, width], initial)
        positions.isLookedUp = true
        positions.productShare = 0
        blockPositions =
            configuration.blockPositions
            ? (scope / "block_position_embeddings").parameter(
                "weight", [configuration.nPositions + 1, width], initial) : nil
        blockPositions?.isLookedUp = true
        blockPositions?.productShare = 0
        blocks = (0..<configuration.nLayer).map { layer in
            GPT2Block(scope / "h" / layer, configuration, layer: layer)
        }
        norm = LayerNorm(scope / "ln_f", width: width, epsilon: configuration.layerNormEpsilon)
        taskHead = try file.purpose.task.map { plan throws(ModelError) in
            try TaskHead(
                plan, decoder: file, width: width, deviation: configuration.initializerRange,
                in: root)
        }
        head =
            configuration.tieWordEmbeddings || taskHead?.replacesLanguageHead == true
            ? tokens.weight
            : (root / "lm_head").parameter(
                "weight", [configuration.vocabSize, width], initial)
        embeddingDropout = configuration.embdPdrop
        form = ModelForm(configuration)
        virtualTokens = VirtualTokenSlot(
            layers: configuration.nLayer, groups: configuration.nHead,
            headSize: width / configuration.nHead)
        root.register(virtualTokens)
        ownDescription = ModelDescription(
            type: "gpt2", vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.nPositions, hasFixedPositions: true,
            tokenTypes: configuration.blockPositions ? configuration.nPositions + 1 : 0,
            layers: configuration.nLayer, width: width, heads: configuration.nHead,
            headSize: width / configuration.nHead, configuration: file.text)
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        if taskHead?.replacesLanguageHead == true, headsInFiles.contains(name) { return .otherHead }
        if name.hasSuffix(".attn.bias") { return .causalMask }
        return name.hasSuffix(".attn.masked_bias") ? .maskedScore : nil
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        virtualTokens.run(
            input, in: pass, embed: { tokens($0, pass) },
            body: { states(of: $0, behind: $1, pass) })
    }

    /// - Parameter prefix: (P, layers · 2 · G·D) float32, keys and values before those of the tokens.
    private func states(
        of given: TokenInput, behind prefix: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        var input = given
        if let before = prefix?.shape.rows {
            let own = given.positions ?? pass.positionIDs(batch: given.batch, length: given.length)
            input.positions = own.map { $0 + Int32(before) }
        }
        let count = input.positionCount(first: pass.cache?.length ?? 0)
        precondition(
            count <= ownDescription.maximumPositions
                && (input.types == nil || blockPositions != nil),
            "gpt2: \(count) tokens but \(ownDescription.maximumPositions) positions, or types of "
                + "tokens")
        let mask = input.mask
        var x = tokens(input, positions: positions, pass)
        if let blockPositions {
            let places = input.types ?? Array(repeating: 0, count: input.batch * input.length)
            x = pass.add(
                pass.embedding(places, batch: input.batch, table: blockPositions), to: x,
                dropping: 0)
        }
        x = pass.dropout(x, probability: embeddingDropout)  // (B, T, C) float32
        for (layer, block) in blocks.enumerated() {
            x = pass.block([x] + (prefix.map { [$0] } ?? [])) { inputs, pass in
                let prefix = inputs.count > 1 ? AttentionPrefix(inputs[1], layer: layer) : nil
                return block(inputs[0], mask: mask, prefix, pass)
            }
        }
        return norm(x, pass)
    }
}

/// config.json of GPT-2; fields named as there.
struct GPT2Configuration {
    let vocabSize, nPositions, nEmbd, nLayer, nHead, nInner: Int
    let activation: Activation
    let residPdrop, embdPdrop, attnPdrop: Float
    let layerNormEpsilon, initializerRange: Float
    let scaleAttnWeights, scaleAttnByInverseLayerIdx, tieWordEmbeddings: Bool
    let blockPositions: Bool

    init(_ file: ConfigurationFile) throws(ModelError) {
        let file = file.renaming([
            "n_embd": "hidden_size", "n_positions": "max_position_embeddings",
            "n_head": "num_attention_heads", "n_layer": "num_hidden_layers",
        ])
        vocabSize = try file.count("vocab_size", default: 50257, in: SizeRange.vocabulary)
        nPositions = try file.count("n_positions", default: 1024, in: SizeRange.vocabulary)
        nEmbd = try file.count("n_embd", default: 768, in: SizeRange.width)
        nLayer = try file.count("n_layer", default: 12, in: SizeRange.layers)
        nHead = try file.count("n_head", default: 12, in: SizeRange.heads)
        nInner = try file.count("n_inner", default: 4 * nEmbd, in: SizeRange.feedForward)
        let (width, inner) = (Double(nEmbd), Double(nInner))
        try SizeRange.check(
            parameters: width * Double(2 * vocabSize + nPositions)
                + Double(nLayer) * width * (4 * width + 2 * inner))
        guard nEmbd % nHead == 0 else {
            throw .indivisible(dividend: "n_embd", nEmbd, divisor: "n_head", nHead)
        }
        try SizeRange.check(head: nEmbd / nHead, of: nEmbd, "n_embd", heads: nHead, "n_head")
        activation = try DecoderConfiguration.activation(
            file, key: "activation_function", default: "gelu_new")
        residPdrop = try file.probability("resid_pdrop", default: 0.1)
        embdPdrop = try file.probability("embd_pdrop", default: 0.1)
        attnPdrop = try file.probability("attn_pdrop", default: 0.1)
        layerNormEpsilon = Float(try file.real("layer_norm_epsilon", default: 1e-5, .epsilon))
        initializerRange = Float(try file.real("initializer_range", default: 0.02, .notNegative))
        scaleAttnWeights = try file.flag("scale_attn_weights", default: true)
        scaleAttnByInverseLayerIdx = try file.flag(
            "scale_attn_by_inverse_layer_idx", default: false)
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        blockPositions = try file.flag("block_position_embeddings", default: false)
    }

    /// The factor on q·k.
    func attentionScale(layer: Int) -> Float {
        let scale = scaleAttnWeights ? 1 / Float(nEmbd / nHead).squareRoot() : 1
        return scaleAttnByInverseLayerIdx ? scale / Float(layer + 1) : scale
    }
}

extension [String: HarmlessKey] {
    /// Of GPT-2's other heads, and how scores are rounded in training.
    static var gpt2: HarmlessKeys {
        always([
            "n_ctx", "reorder_and_upcast_attn", "summary_activation", "summary_first_dropout",
            "summary_last_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
        ])
    }
}

/// x + attention(norm(x)), then + feed-forward(norm(x)). x (B, T, C) float32 → the same.
struct GPT2Block {
    let attentionNorm: LayerNorm
    let qkv: Linear  // (C, 3C)
    let attentionOutput: Linear  // (C, C)
    let feedForwardNorm: LayerNorm
    let up: Linear  // (C, F)
    let down: Linear  // (F, C)
    let settings: AttentionSettings
    let activation: Activation
    let residualDropout: Float
    let adapters: BlockAdapters

    init(_ scope: Scope, _ configuration: GPT2Configuration, layer: Int) {
        let (width, deviation) = (configuration.nEmbd, configuration.initializerRange)
        let epsilon = configuration.layerNormEpsilon
        let narrow = deviation / Float(2 * configuration.nLayer).squareRoot()
        func linear(_ scope: Scope, _ inputs: Int, _ outputs: Int, _ deviation: Float) -> Linear {
            Linear(
                scope, from: inputs, to: outputs, bias: true, deviation: deviation,
                layout: .inputsByOutputs)
        }
        adapters = scope.blockAdapters()
        attentionNorm = LayerNorm(scope / "ln_1", width: width, epsilon: epsilon)
        qkv = linear(scope / "attn" / "c_attn", width, 3 * width, deviation)
        attentionOutput = linear(scope / "attn" / "c_proj", width, width, narrow)
        feedForwardNorm = LayerNorm(scope / "ln_2", width: width, epsilon: epsilon)
        up = linear(scope / "mlp" / "c_fc", width, configuration.nInner, deviation)
        down = linear(scope / "mlp" / "c_proj", configuration.nInner, width, narrow)
        let size = width / configuration.nHead
        var settings = AttentionSettings(
            heads: configuration.nHead, groups: configuration.nHead, headSize: size,
            scale: configuration.attentionScale(layer: layer))
        settings.dropout = configuration.attnPdrop
        self.settings = settings
        activation = configuration.activation
        residualDropout = configuration.residPdrop
    }

    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, _ prefix: AttentionPrefix?, _ pass: ForwardPass
    ) -> Tensor {
        let attended = adapters.attention(x, pass) { residual in
            let mixed = pass.attention(
                .fused(qkv(attentionNorm(x, pass), pass)), settings, mask: mask, prefix: prefix)
            return added(attentionOutput, mixed, residual, pass)
        }
        return adapters.feedForward(attended, pass) { residual in
            let inner = pass.activation(activation, up(feedForwardNorm(attended, pass), pass))
            return added(down, inner, residual, pass)
        }
    }

    /// residual + dropout(layer(x)), or the latter alone.
    private func added(
        _ layer: Linear, _ x: Tensor, _ residual: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        guard let residual else {
            return pass.dropout(layer(x, pass), probability: residualDropout)
        }
        return layer(x, addingTo: residual, dropping: residualDropout, pass)
    }
}
