package import Autograd
import Kernels

/// The pre-norm decoder shared by Llama and what descends from it.
///
/// Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2; names are Hugging Face's.
package final class Decoder: LanguageModel {
    package var description: ModelDescription { virtualTokens.shortening(ownDescription) }
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package let headScale: Float
    package let logitForm: LogitForm
    package let taskHead: TaskHead?
    package var optionalPrefix: String { names.optionalPrefix }
    package var prefixesInFiles: [String] { names.prefixesInFiles }
    package var ignoredPrefixes: [String] { names.ignoredPrefixes }
    package var headsInFiles: [String] { names.headsInFiles ?? [names.head + ".weight"] }
    private let ownDescription: ModelDescription
    private let virtualTokens: VirtualTokenSlot
    private let names: DecoderNames
    private let embedding: TokenEmbedding  // (V, C)
    private let inputScale: Float
    private let blocks: [DecoderBlock]
    private let norm: RMSNorm
    private var rotary: RotaryConfiguration?
    private var localRotary: RotaryConfiguration?
    private let balance: (coefficient: Double, layers: Int)?

    /// - Parameter file: what the configuration was read from.
    init(_ configuration: DecoderConfiguration, _ file: ConfigurationFile) throws(ModelError) {
        try configuration.checkSize()
        let scope = Scope(registry)
        let initial = Initializer.normal(deviation: configuration.initializerRange)
        let width = configuration.hiddenSize
        names = configuration.names.forTask(file.purpose.task, ofModel: file.modelType)
        embedding = TokenEmbedding(
            scope / names.embedding, vocabulary: configuration.vocabSize, width: width,
            deviation: configuration.initializerRange, padding: configuration.paddingRow,
            scale: configuration.embeddingScale)
        let layers = scope / names.layers
        blocks = (0..<configuration.numHiddenLayers).map { layer in
            DecoderBlock(layers / layer, configuration, layer: layer)
        }
        norm = RMSNorm(
            scope / names.norm, width: width, epsilon: configuration.rmsNormEps,
            addsOne: configuration.normsAddOne)
        taskHead = try file.purpose.task.map { plan throws(ModelError) in
            try TaskHead(
                plan, decoder: file, width: width, deviation: configuration.initializerRange,
                in: scope)
        }
        head =
            configuration.tieWordEmbeddings || taskHead?.replacesLanguageHead == true
            ? embedding.weight
            : (scope / names.head).parameter(
                "weight", [configuration.vocabSize, width], initial)
        logitForm = configuration.logitForm
        form = ModelForm(configuration)
        rotary = configuration.rotary
        localRotary = configuration.localRotary
        balance = configuration.experts?.balance
        virtualTokens = VirtualTokenSlot(
            layers: configuration.numHiddenLayers, groups: configuration.numKeyValueHeads,
            headSize: configuration.headDim, embeddingScale: configuration.embeddingScale)
        scope.register(virtualTokens)
        ownDescription = ModelDescription(configuration, file)
        headScale = configuration.headScale
        inputScale = configuration.inputScale
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        if taskHead?.replacesLanguageHead == true, headsInFiles.contains(name) { return .otherHead }
        let isTable =
            name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".rotary_pos_emb.inv_freq")
        guard isTable, let rotary else { return nil }
        let own = [rotary, localRotary].compactMap { $0 }.flatMap {
            [$0.plain, $0.inverseFrequencies]
        }
        // ChatGLM's own code keeps them before they are stretched by rope_ratio.
        let usual = RotaryConfiguration.frequencies(base: 10_000, rotated: rotary.rotated)
        return .frequencies(description.type == "chatglm" ? own + [usual] : own)
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
        let before = prefix?.shape.rows ?? 0
        let virtual = pass.cache?.virtualTokens ?? before
        let positions = input.positionCount(first: (pass.cache?.length ?? 0) + before)
        precondition(
            input.positions == nil || prefix == nil,
            "\(ownDescription.type): positions of tokens behind a prefix")
        pass.expertBalance = balance.map {
            ExpertBalance(coefficient: $0.coefficient, layers: $0.layers)
        }
        // Angles that depend on a text's length are those of all of it, of which this may be a piece.
        let length = max(positions, pass.textLength.map { $0 + virtual } ?? 0)
        var lengths = input.textLengths?.map { $0 + before } ?? [length]
        // Keys before those of the tokens stand in the same rows of the table for all texts.
        if before > 0, let longest = lengths.max() { lengths = [longest] }
        func table(_ rotary: inout RotaryConfiguration?) -> RotaryTable? {
            let table = rotary?.table(for: input, positions: positions, lengths: lengths)
            return before == 0 ? table : table.map { RotaryTable(unturned: before, of: $0) }
        }
        let angles = table(&rotary)
        let localAngles = table(&localRotary) ?? angles
        let mask = input.mask
        let embedded = embedding(input, pass)
        var x = pass.convert(embedded, to: embedded.type, times: inputScale)
        for (layer, block) in blocks.enumerated() {
            let angles = !block.isRotated ? nil : block.isLocal ? localAngles : angles
            x = pass.block([x] + (prefix.map { [$0] } ?? [])) { inputs, pass in
                let prefix = inputs.count > 1 ? AttentionPrefix(inputs[1], layer: layer) : nil
                return block(inputs[0], mask: mask, angles, prefix, pass)
            }
        }
        return norm(x, pass)
    }
}

extension ModelDescription {
    fileprivate init(_ configuration: DecoderConfiguration, _ file: ConfigurationFile) {
        let angleChange = configuration.rotary?.angleChange
        self.init(
            type: file.modelType, vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.maxPositionEmbeddings, hasFixedPositions: false,
            angleChanges: [angleChange, configuration.localRotary?.angleChange].compactMap { $0 },
            // Source: transformers' Phi3ForCausalLM.prepare_inputs_for_generation; no other
            // architecture has it.
            isComputedAnewAtAngleChange: file.modelType == "phi3"
                && angleChange?.isRepeated == false,
            expertBalance: configuration.experts?.balance?.coefficient,
            layers: configuration.numHiddenLayers, width: configuration.hiddenSize,
            heads: configuration.numAttentionHeads, headSize: configuration.headDim,
            configuration: file.text)
    }
}
