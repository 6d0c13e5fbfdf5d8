package import Autograd
import Kernels

/// BERT, and what has its layers: tokens that see all others, norms behind the residuals.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805; names are Hugging Face's.
package final class Encoder: LanguageModel {
    package let description: ModelDescription
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, E)
    package let headBias: Parameter?  // (V)
    package let headTransform: HeadTransform?
    package let taskHead: TaskHead?
    package var optionalPrefix: String { configuration.names.prefix + "." }
    package var headsInFiles: [String] { [configuration.names.decoder + ".weight"] }
    private let configuration: EncoderConfiguration
    private let embeddings: EncoderEmbeddings
    private let layers: [EncoderLayer]

    /// Without a language head, ``head`` is the embedding and stands for none.
    init(_ file: ConfigurationFile, _ configuration: EncoderConfiguration) {
        self.configuration = configuration
        let (names, width) = (configuration.names, configuration.hiddenSize)
        let deviation = configuration.initializerRange
        let scope = Scope(registry) / names.prefix
        embeddings = EncoderEmbeddings(scope, configuration)
        layers = (0..<configuration.numHiddenLayers).map {
            EncoderLayer(scope / "encoder" / "layer" / $0, configuration)
        }
        let root = Scope(registry)
        taskHead = file.purpose.task.map { TaskHead($0, of: configuration, in: root) }
        switch file.purpose {
        case .states, .task:
            (head, headBias, headTransform) = (embeddings.words.weight, nil, nil)
        case .language:
            headTransform = HeadTransform(
                dense: Linear(
                    root / names.dense, from: width, to: configuration.embeddingSize, bias: true,
                    deviation: deviation),
                activation: names.headActivation ?? configuration.activation,
                norm: LayerNorm(
                    root / names.norm, width: configuration.embeddingSize,
                    epsilon: configuration.layerNormEps))
            let shape: Shape = [configuration.vocabSize, configuration.embeddingSize]
            if configuration.tieWordEmbeddings {
                head = embeddings.words.weight
                headBias = root.parameter(names.bias, [configuration.vocabSize], .zeros)
            } else {
                let decoder = root / names.decoder
                head = decoder.parameter("weight", shape, .normal(deviation: deviation))
                headBias = decoder.parameter("bias", [configuration.vocabSize], .zeros)
            }
        }
        form = ModelForm(configuration)
        description = ModelDescription(
            type: file.modelType, kind: .encoder, vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.longest, hasFixedPositions: true,
            tokenTypes: configuration.typeVocabSize,
            layers: configuration.numHiddenLayers, width: width,
            heads: configuration.numAttentionHeads, headSize: configuration.headSize,
            configuration: file.text)
    }

    /// Old files call a norm's parameters gamma and beta, and have the logits' bias twice.
    package func otherNamesInFiles(of name: String) -> [String] {
        if name.hasSuffix("LayerNorm.weight") { return [name.dropLast(6) + "gamma"] }
        if name.hasSuffix("LayerNorm.bias") { return [name.dropLast(4) + "beta"] }
        return name == configuration.names.bias ? [configuration.names.decoder + ".bias"] : []
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
        return body.hasPrefix("pooler.") || names.otherHeads.contains(where: name.hasPrefix)
            ? .otherHead : nil
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        let mask = input.mask
        var x = embeddings(input, pass)  // (B, T, C) float32
        for layer in layers {
            x = pass.block(x) { x, pass in layer(x, mask: mask, pass) }
        }
        return pass.convert(x, to: pass.computeType)
    }
}

/// Tokens' rows of three tables, for what a token is, where it stands and which text it belongs to:
/// dropout(norm(their sum)), taken to the layers' width.
struct EncoderEmbeddings {
    let words: TokenEmbedding  // (V, E)
    let positions: Parameter  // (positions, E)
    let types: Parameter  // (types, E)
    let norm: LayerNorm  // (E)
    let projection: Linear?  // (C, E)
    private let configuration: EncoderConfiguration

    init(_ model: Scope, _ configuration: EncoderConfiguration) {
        self.configuration = configuration
        let (scope, width) = (model / "embeddings", configuration.embeddingSize)
        let deviation = configuration.initializerRange
        func table(_ name: String, _ rows: Int) -> Parameter {
            let table = (scope / name).parameter(
                "weight", [rows, width], .normal(deviation: deviation))
            table.isLookedUp = true
            table.productShare = 0
            return table
        }
        words = TokenEmbedding(
            scope / "word_embeddings", vocabulary: configuration.vocabSize, width: width,
            deviation: deviation, padding: configuration.padTokenID)
        positions = table("position_embeddings", configuration.maxPositionEmbeddings)
        if configuration.names.countsFromPadding { positions.paddingRow = configuration.padTokenID }
        types = table("token_type_embeddings", configuration.typeVocabSize)
        norm = LayerNorm(scope / "LayerNorm", width: width, epsilon: configuration.layerNormEps)
        projection =
            width == configuration.hiddenSize
            ? nil
            : Linear(
                model / "embeddings_project", from: width, to: configuration.hiddenSize,
                bias: true, deviation: deviation)
    }

    /// → (B, T, C) float32.
    func callAsFunction(_ input: TokenInput, _ pass: ForwardPass) -> Tensor {
        var input = input
        if input.positions == nil, configuration.firstPosition > 0 {
            input.positions = countedPositions(input)
        }
        let count = input.positionCount(first: 0)
        precondition(
            count <= configuration.maxPositionEmbeddings && pass.cache == nil,
            "encoder: positions up to \(count - 1) of \(configuration.maxPositionEmbeddings), or a "
                + "cache")
        let types = input.types ?? Array(repeating: 0, count: input.batch * input.length)
        var x = words(input, positions: positions, pass)
        x = pass.add(
            pass.embedding(types, batch: input.batch, table: self.types), to: x, dropping: 0)
        x = norm(x, type: .float32, pass)
        x = pass.dropout(x, probability: configuration.hiddenDropout)
        guard let projection else { return x }
        return pass.convert(
            projection(pass.convert(x, to: pass.computeType), pass), to: .float32)
    }

    /// Real tokens count from the place behind the padding token's id, and padding stands there.
    private func countedPositions(_ input: TokenInput) -> [Int32] {
        let (padding, first) = (configuration.padTokenID ?? 0, configuration.firstPosition)
        guard case .ids(let ids) = input.tokens else {
            return (0..<input.batch * input.length).map { Int32(first + $0 % input.length) }
        }
        var position = 0
        return ids.enumerated().map { place, id in
            if place % input.length == 0 { position = padding }
            guard Int(id) != padding else { return Int32(padding) }
            position += 1
            return Int32(position)
        }
    }
}
