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
    package var optionalPrefix: String { "" }
    package var prefixesInFiles: [String] { [] }
    private let shared: TokenEmbedding  // (V, C)
    private let encoder: T5Stack
    private let decoder: T5Stack

    init(_ file: ConfigurationFile) throws(ModelError) {
        let configuration = try T5Configuration(file)
        let scope = Scope(registry)
        let width = configuration.width
        shared = TokenEmbedding(
            scope / "shared", vocabulary: configuration.vocabSize, width: width,
            deviation: configuration.initializerFactor)
        encoder = T5Stack(scope / "encoder", configuration, isDecoder: false)
        decoder = T5Stack(scope / "decoder", configuration, isDecoder: true)
        // With transformers' deviation of an own head, initializer_factor, the first loss is enormous.
        head =
            configuration.isTied
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
            layers: configuration.encoderLayers + configuration.decoderLayers, width: width,
            heads: configuration.heads, headSize: configuration.headSize,
            configuration: file.text)
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        switch name {
        case "encoder.embed_tokens.weight", "decoder.embed_tokens.weight":
            .copy(of: "shared.weight")
        // The scores of attention to the source have no bias; the first files held a table of it.
        case "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight": .otherHead
        default: name.hasPrefix("classification_head.") ? .otherHead : nil
        }
    }

    /// The decoder's states of the input's tokens, given its source. (B, T, C)
    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
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

    /// The encoder's states (B, S, C) float32.
    package func encoded(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        let states = encoder(shared(input, pass), mask: input.mask, source: nil, pass)
        // Every layer of the decoder adds to its gradient, which is summed in float32.
        return pass.convert(states, to: .float32)
    }
}
