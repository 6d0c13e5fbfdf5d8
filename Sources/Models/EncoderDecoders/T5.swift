package import Autograd
import Kernels

/// T5, mT5 and UMT5: an encoder reads a text, a decoder writes another.
///
/// Source: Raffel et al. 2020, arXiv:1910.10683; Xue et al. 2021, arXiv:2010.11934; names are Hugging
/// Face's.
package final class T5: LanguageModel {
    package let description: ModelDescription
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package let headScale: Float
    package let taskHead: TaskHead?
    /// transformers' classes for labels have the body below a name of its own, but for answers.
    package let optionalPrefix: String
    package var prefixesInFiles: [String] { optionalPrefix.isEmpty ? [] : [""] }
    private let shared: TokenEmbedding  // (V, C)
    private let encoder: T5Stack
    /// `nil` where words get labels, which are said of the encoder's states.
    private let decoder: T5Stack?

    init(_ file: ConfigurationFile) throws(ModelError) {
        let configuration = try T5Configuration(file)
        let root = Scope(registry)
        let width = configuration.width
        let plan = file.purpose.task.flatMap { $0.isValueHead ? nil : $0 }
        optionalPrefix = plan == nil || plan?.kind == .span ? "" : "transformer."
        let scope = optionalPrefix.isEmpty ? root : root / "transformer"
        shared = TokenEmbedding(
            scope / "shared", vocabulary: configuration.vocabSize, width: width,
            deviation: configuration.initializerFactor)
        encoder = T5Stack(scope / "encoder", configuration, isDecoder: false)
        decoder =
            plan?.kind == .tokens
            ? nil : T5Stack(scope / "decoder", configuration, isDecoder: true)
        taskHead = plan.map { TaskHead($0, of: configuration, in: root) }
        // With transformers' deviation of an own head, initializer_factor, the first loss is enormous.
        head =
            configuration.isTied || plan != nil
            ? shared.weight
            : (scope / "lm_head").parameter(
                "weight", [configuration.vocabSize, width],
                .normal(deviation: configuration.inputDeviation))
        headScale = configuration.scalesOutputs ? 1 / Float(width).squareRoot() : 1
        form = ModelForm(configuration)
        description = ModelDescription(
            type: file.modelType, kind: .encoderDecoder,
            vocabularySize: configuration.vocabSize, maximumPositions: configuration.positions,
            hasFixedPositions: false, decoderStart: configuration.decoderStart,
            layers: configuration.encoderLayers
                + (decoder == nil ? 0 : configuration.decoderLayers),
            width: width,
            heads: configuration.heads, headSize: configuration.headSize,
            configuration: file.text)
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        let isBelow = !optionalPrefix.isEmpty && name.hasPrefix(optionalPrefix)
        let own = isBelow ? String(name.dropFirst(optionalPrefix.count)) : name
        switch own {
        case "encoder.embed_tokens.weight": return .copy(of: optionalPrefix + "shared.weight")
        case "decoder.embed_tokens.weight" where decoder != nil:
            return .copy(of: optionalPrefix + "shared.weight")
        // The scores of attention to the source have no bias; the first files held a table of it.
        case "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight":
            return .otherHead
        case "lm_head.weight" where taskHead != nil: return .otherHead
        default:
            let isDecoders = decoder == nil && own.hasPrefix("decoder.")
            return isDecoders || own.hasPrefix("classification_head.") ? .otherHead : nil
        }
    }

    /// The decoder's states of the input's tokens, given its source; of a text without one what its labels
    /// are said of. (B, T, C)
    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        if input.source == nil, taskHead != nil { return statesOfText(input, in: pass) }
        guard let decoder else {
            preconditionFailure("\(description.type): an encoder has no source")
        }
        guard let source = input.source else {
            preconditionFailure("\(description.type): a decoder's tokens without a source")
        }
        precondition(
            input.types == nil && input.positions == nil,
            "\(description.type): types or positions of tokens")
        if let memory = source.memory {
            if memory.layers.isEmpty {
                memory.layers = decoder.keysAndValues(of: encoded(source.tokens, in: pass), pass)
            }
            return decoder(
                shared(input, pass), mask: input.mask, source: .memory(memory.layers), pass)
        }
        let states = source.states ?? encoded(source.tokens, in: pass)
        let tokens = input.batch * input.length
        let keys = source.tokens.mask.keySegments
        let mask = keys.map {
            AttentionMask(queries: Array(repeating: 1, count: tokens), keys: $0)
        }
        return decoder(
            shared(input, pass), mask: input.mask,
            source: .states(states, mask ?? AttentionMask()), pass)
    }

    /// The encoder's states of a text, or those of a decoder that reads it too, one token later.
    ///
    /// Source: `_shift_right` of transformers.
    private func statesOfText(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        guard decoder != nil else {
            return encoder(shared(input, pass), mask: input.mask, source: nil, pass)
        }
        guard case .ids(let ids) = input.tokens else {
            preconditionFailure("\(description.type): labels of embeddings")
        }
        var later = ids
        for row in 0..<input.batch {
            let first = row * input.length
            later[first] = description.decoderStart
            for place in 1..<max(input.length, 1) { later[first + place] = ids[first + place - 1] }
        }
        var written = TokenInput(ids: later, batch: input.batch)
        written.source = TokenSource(input)
        return hiddenStates(written, in: pass)
    }

    /// The encoder's states (B, S, C) float32.
    package func encoded(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        let states = encoder(shared(input, pass), mask: input.mask, source: nil, pass)
        // Every layer of the decoder adds to its gradient, which is summed in float32.
        return pass.convert(states, to: .float32)
    }
}
