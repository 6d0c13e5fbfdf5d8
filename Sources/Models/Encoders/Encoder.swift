package import Autograd
import Kernels

/// BERT, and what has its layers: tokens that see all others, norms behind the residuals.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805; names are Hugging Face's.
package final class Encoder: LanguageModel {
    package let description: ModelDescription
    package let form: ModelForm
    package let registry: Scope.Registry
    package let head: Parameter  // (V, E)
    package let headBias: Parameter?  // (V)
    package let headTransform: HeadTransform?
    package let taskHead: TaskHead?
    package let pairHead: TaskHead?
    /// Of ELECTRA's discriminator by itself.
    private let tokenHead: TaskHead?
    package var optionalPrefix: String { configuration.names.prefix + "." }
    package var headsInFiles: [String] { [configuration.names.decoder + ".weight"] }
    let configuration: EncoderConfiguration
    let embeddings: EncoderEmbeddings
    /// As they follow one another; one that is shared stands here as often as it is passed.
    private let layers: [EncoderLayer]
    /// On the scores of all layers.
    private let distanceBias: DistanceBias?
    /// transformers' class of a body alone has the pooler, where there is one.
    private let keepsPooler: Bool

    convenience init(_ file: ConfigurationFile, _ configuration: EncoderConfiguration) {
        let registry = Scope.Registry()
        let scope = Scope(registry)
        self.init(
            file, configuration, file.purpose, in: registry, below: scope,
            EncoderEmbeddings(scope / configuration.names.prefix, configuration))
    }

    /// Without a language head, ``head`` is the embedding and stands for none.
    ///
    /// - Parameters:
    ///   - purpose: which heads it has.
    ///   - root: where its parameters are in the registry.
    ///   - embeddings: its own, or those of another model.
    init(
        _ file: ConfigurationFile, _ configuration: EncoderConfiguration, _ purpose: ModelPurpose,
        in registry: Scope.Registry, below root: Scope, _ embeddings: EncoderEmbeddings
    ) {
        self.configuration = configuration
        self.registry = registry
        self.embeddings = embeddings
        keepsPooler = purpose == .states
        let names = configuration.names
        layers = EncoderLayer.all(configuration, in: registry, below: root / names.prefix)
        distanceBias =
            configuration.distanceRows > 0
            ? DistanceBias(root / names.prefix / names.distanceBias, configuration) : nil
        taskHead = purpose.task.map { TaskHead($0, of: configuration, in: root) }
        switch purpose {
        case .states, .task, .replacedTokens:
            (head, headBias, headTransform) = (embeddings.words.weight, nil, nil)
        case .language, .followingTexts:
            let language = EncoderLanguageHead(configuration, embeddings, in: root)
            (head, headBias, headTransform) = (language.weight, language.bias, language.transform)
        }
        pairHead =
            purpose == .followingTexts && names.hasPairHead
            ? TaskHead(pairsOf: configuration, in: root) : nil
        tokenHead =
            purpose == .replacedTokens(nil)
            ? TaskHead(replacedTokensOf: configuration, in: root) : nil
        form = ModelForm(configuration)
        description = ModelDescription(
            type: file.modelType, kind: .encoder, vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.longest, hasFixedPositions: true,
            tokenTypes: configuration.typeVocabSize,
            layers: layers.count,
            sharesLayers: Set(configuration.layerPaths).count < layers.count,
            width: configuration.hiddenSize,
            heads: configuration.numAttentionHeads, headSize: configuration.headSize,
            configuration: file.text)
    }

    /// Old files call a norm's parameters gamma and beta, and have the logits' bias twice.
    package func otherNamesInFiles(of name: String) -> [String] {
        if name.hasSuffix("LayerNorm.weight") { return [name.dropLast(6) + "gamma"] }
        if name.hasSuffix("LayerNorm.bias") { return [name.dropLast(4) + "beta"] }
        let other = configuration.names.decoder + ".bias"
        return name == configuration.names.bias && name != other ? [other] : []
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        let names = configuration.names
        if name.hasSuffix("embeddings.position_ids") { return .counting }
        if name.hasSuffix("embeddings.token_type_ids") { return .zeros }
        let isHead = headTransform != nil
        let language = [names.dense, names.norm, names.decoder].map { $0 + "." } + [names.bias]
        if language.contains(where: name.hasPrefix) {
            guard isHead else { return .otherHead }
            // The logits have one bias: the head's where it is not tied.
            return name == names.decoder + ".bias"
                ? .copy(of: names.bias)
                : name == names.bias ? .otherHead : nil
        }
        let body = name.hasPrefix(optionalPrefix) ? name.dropFirst(optionalPrefix.count) : name[...]
        if body.hasPrefix("pooler.") {
            return keepsPooler ? .kept(as: optionalPrefix + body) : .otherHead
        }
        return names.otherHeads.contains(where: name.hasPrefix) ? .otherHead : nil
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        let mask = input.mask
        var x = embeddings(input, pass)  // (B, T, C) float32
        let bias = distanceBias.map { [$0(length: input.length, pass)] } ?? []
        for layer in layers {
            x = pass.block([x] + bias) { inputs, pass in
                layer(inputs[0], mask: mask, bias: inputs.dropFirst().first, pass)
            }
        }
        return pass.convert(x, to: pass.computeType)
    }
}

extension EncoderLayer {
    /// The layers of a model. What several share is multiplied as often.
    fileprivate static func all(
        _ configuration: EncoderConfiguration, in registry: Scope.Registry, below scope: Scope
    ) -> [EncoderLayer] {
        let paths = configuration.layerPaths
        var made: [String: EncoderLayer] = [:]
        return paths.map { path in
            if let layer = made[path] { return layer }
            let uses = paths.count { $0 == path }
            let first = registry.parameters.count
            let layer = EncoderLayer(scope / path, configuration, isShared: uses > 1)
            for own in registry.parameters[first...] { own.productShare = Double(uses) }
            made[path] = layer
            return layer
        }
    }
}

/// What turns an encoder's states into logits.
struct EncoderLanguageHead {
    let weight: Parameter  // (V, E)
    let bias: Parameter  // (V)
    let transform: HeadTransform

    init(
        _ configuration: EncoderConfiguration, _ embeddings: EncoderEmbeddings, in root: Scope
    ) {
        let (names, deviation) = (configuration.names, configuration.initializerRange)
        transform = HeadTransform(
            dense: Linear(
                root / names.dense, from: configuration.hiddenSize,
                to: configuration.embeddingSize, bias: true, deviation: deviation),
            activation: names.headActivation ?? configuration.activation,
            norm: LayerNorm(
                root / names.norm, width: configuration.embeddingSize,
                epsilon: configuration.layerNormEps))
        if configuration.tieWordEmbeddings {
            weight = embeddings.words.weight
            bias = root.parameter(names.bias, [configuration.vocabSize], .zeros)
        } else {
            let decoder = root / names.decoder
            weight = decoder.parameter(
                "weight", [configuration.vocabSize, configuration.embeddingSize],
                .normal(deviation: deviation))
            bias = decoder.parameter("bias", [configuration.vocabSize], .zeros)
        }
    }
}
