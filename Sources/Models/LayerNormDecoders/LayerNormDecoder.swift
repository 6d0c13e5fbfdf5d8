package import Autograd
import Kernels

/// The decoder with layer norms, rotary or learned positions and plain feed-forward layers that GPT-NeoX,
/// Phi, OPT and StarCoder 2 share.
///
/// Source: Black et al. 2022, arXiv:2204.06745, section 2.1; names are Hugging Face's.
package final class LayerNormDecoder: LanguageModel {
    package var description: ModelDescription { virtualTokens.shortening(ownDescription) }
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package let headBias: Parameter?  // (V)
    package let taskHead: TaskHead?
    package var optionalPrefix: String { names.optionalPrefix }
    package var headsInFiles: [String] { names.headsInFiles ?? [names.head + ".weight"] }
    private let ownDescription: ModelDescription
    private let virtualTokens: VirtualTokenSlot
    private let names: DecoderNames
    private let embedding: TokenEmbedding  // (V, C)
    private let positions: Parameter?  // (positions + offset, C)
    private let positionOffset: Int
    private let embeddingDropout: Float
    private let blocks: [LayerNormBlock]
    private let norm: LayerNorm?
    private var rotary: RotaryConfiguration?

    /// - Parameter file: what the configuration was read from.
    init(
        _ configuration: LayerNormDecoderConfiguration, _ file: ConfigurationFile
    ) throws(ModelError) {
        let scope = Scope(registry)
        let (width, deviation) = (configuration.hiddenSize, configuration.initializerRange)
        names = configuration.names
        embedding = TokenEmbedding(
            scope / names.embedding, vocabulary: configuration.vocabSize, width: width,
            deviation: deviation, padding: configuration.paddingRow)
        positions = configuration.positionTable(scope)
        positionOffset = configuration.positionOffset
        embeddingDropout = configuration.embeddingDropout
        let layers = scope / names.layers
        blocks = (0..<configuration.numHiddenLayers).map { layer in
            LayerNormBlock(layers / layer, configuration, layer: layer)
        }
        norm =
            configuration.hasFinalNorm && configuration.residual != .sequentialNormedAfter
            ? LayerNorm(scope / names.norm, width: width, epsilon: configuration.layerNormEps)
            : nil
        taskHead = try file.purpose.task.map { plan throws(ModelError) in
            try TaskHead(plan, decoder: file, width: width, deviation: deviation, in: scope)
        }
        let hasHead = taskHead?.replacesLanguageHead != true
        head =
            configuration.tieWordEmbeddings || !hasHead
            ? embedding.weight
            : (scope / names.head).parameter(
                "weight", [configuration.vocabSize, width], .normal(deviation: deviation))
        // Of states alone, a head that files lack has no bias either.
        let isWanted = file.purpose != .states || !configuration.tieWordEmbeddings
        headBias =
            configuration.headBias && hasHead && isWanted
            ? (scope / names.head).parameter("bias", [configuration.vocabSize], .zeros) : nil
        form = ModelForm(configuration)
        rotary = configuration.rotary
        virtualTokens = VirtualTokenSlot(
            layers: configuration.numHiddenLayers, groups: configuration.numKeyValueHeads,
            headSize: configuration.headDim)
        scope.register(virtualTokens)
        ownDescription = ModelDescription(
            type: file.modelType, vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.maxPositionEmbeddings, hasFixedPositions: rotary == nil,
            angleChanges: [rotary?.angleChange].compactMap { $0 },
            layers: configuration.numHiddenLayers, width: width,
            heads: configuration.numAttentionHeads, headSize: configuration.headDim,
            configuration: file.text)
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        if taskHead?.replacesLanguageHead == true, headsInFiles.contains(name) { return .otherHead }
        if headBias == nil, name == names.head + ".bias" { return .otherHead }
        let attention = "." + names.attention
        if name.hasSuffix(attention + ".bias") { return .causalMask }
        if name.hasSuffix(attention + ".masked_bias") { return .maskedScore }
        guard name.hasSuffix(".rotary_emb.inv_freq"), let rotary else { return nil }
        return .frequencies([rotary.plain, rotary.inverseFrequencies])
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        precondition(input.types == nil, "\(description.type) has no types of tokens")
        return virtualTokens.run(
            input, in: pass, embed: { embedding($0, pass) },
            body: { states(of: $0, behind: $1, pass) })
    }

    /// - Parameter prefix: (P, layers · 2 · G·D) float32, keys and values before those of the tokens.
    private func states(
        of input: TokenInput, behind prefix: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        precondition(
            input.positions == nil || prefix == nil,
            "\(ownDescription.type): positions of tokens behind a prefix")
        let before = prefix?.shape.rows ?? 0
        let angles = rotary?.table(for: input, behind: before, pass)
        let mask = input.mask
        var x = embedding(input, pass)
        if let positions {
            x = pass.add(rows(of: positions, for: input, behind: before, pass), to: x, dropping: 0)
        }
        x = pass.dropout(x, probability: embeddingDropout)  // (B, T, C) float32
        for (layer, block) in blocks.enumerated() {
            x = pass.block([x] + (prefix.map { [$0] } ?? [])) { inputs, pass in
                let prefix = inputs.count > 1 ? AttentionPrefix(inputs[1], layer: layer) : nil
                return block(inputs[0], mask: mask, angles, prefix, pass)
            }
        }
        return norm?(x, pass) ?? pass.convert(x, to: pass.computeType)
    }

    /// The learned positions (B, T, C) of an input's tokens.
    private func rows(
        of table: Parameter, for input: TokenInput, behind before: Int, _ pass: ForwardPass
    ) -> Tensor {
        let count = before + input.positionCount(first: pass.cache?.length ?? 0)
        precondition(
            count <= ownDescription.maximumPositions,
            "\(ownDescription.type): \(count) tokens but \(ownDescription.maximumPositions) positions"
        )
        let own = input.positions ?? pass.positionIDs(batch: input.batch, length: input.length)
        return pass.embedding(
            own.map { $0 + Int32(before + positionOffset) }, batch: input.batch, table: table)
    }
}

extension LayerNormDecoderConfiguration {
    /// The table of learned positions; `nil` where there is none.
    fileprivate func positionTable(_ root: Scope) -> Parameter? {
        guard rotary == nil else { return nil }
        let table = (root / names.positions).parameter(
            "weight", [maxPositionEmbeddings + positionOffset, hiddenSize],
            .normal(deviation: initializerRange))
        table.isLookedUp = true
        table.productShare = 0
        return table
    }
}

extension RotaryConfiguration {
    /// The table for an input's tokens in a pass, which may hold a piece of a text only.
    ///
    /// - Parameter before: how many keys of each layer stand before those of the tokens; they are not turned.
    fileprivate mutating func table(
        for input: TokenInput, behind before: Int, _ pass: ForwardPass
    ) -> RotaryTable {
        let virtual = pass.cache?.virtualTokens ?? before
        let positions = input.positionCount(first: (pass.cache?.length ?? 0) + before)
        // Angles that depend on a text's length are those of all of it, of which this may be a piece.
        let length = max(positions, pass.textLength.map { $0 + virtual } ?? 0)
        var lengths = input.textLengths?.map { $0 + before } ?? [length]
        // Keys before those of the tokens stand in the same rows of the table for all texts.
        if before > 0, let longest = lengths.max() { lengths = [longest] }
        let table = table(for: input, positions: positions, lengths: lengths)
        return before == 0 ? table : RotaryTable(unturned: before, of: table)
    }
}

extension ModelForm {
    init(_ configuration: LayerNormDecoderConfiguration) {
        self.init(
            activation: configuration.activation, epsilon: configuration.layerNormEps,
            positions: configuration.maxPositionEmbeddings,
            heads: configuration.numAttentionHeads, headSize: configuration.headDim,
            inner: configuration.intermediateSize, layers: configuration.numHiddenLayers)
        activationKey = configuration.keys.activation
        epsilonKey = configuration.keys.epsilon ?? epsilonKey
        groups = configuration.numKeyValueHeads
        isTied = configuration.tieWordEmbeddings
        (queryBias, outputBias) = (configuration.attentionBias, configuration.attentionBias)
        feedForwardBias = configuration.feedForwardBias
        headNorms = configuration.headNorms != nil
        isParallel = [.parallel, .parallelWithOneNorm].contains(configuration.residual)
        normsAfter = configuration.residual == .sequentialNormedAfter
        windows = configuration.windows
        rotary = configuration.rotary.map(RotaryForm.init)
    }
}
