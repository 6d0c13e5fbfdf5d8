package import Autograd
import Files

/// How large ELECTRA's generator is, beside its discriminator.
package struct GeneratorSize: Sendable, Equatable {
    /// Of the layers' width; there are as many layers.
    package let share: Double

    package init(share: Double) { self.share = share }
}

/// ELECTRA as it is pretrained: a discriminator, which is the model, and a generator that draws tokens for it
/// and shares its embeddings.
///
/// Source: Clark et al. 2020, arXiv:2003.10555, section 3; the generator's sizes are those of its code.
package final class ReplacedTokenModel: LanguageModel {
    private let discriminator: Encoder
    /// With a language head.
    package let generator: any LanguageModel
    /// Whether each token is another than the text had.
    package let tokenHead: TaskHead

    package var description: ModelDescription { discriminator.description }
    package var form: ModelForm { discriminator.form }
    package var registry: Scope.Registry { discriminator.registry }
    package var head: Parameter { discriminator.head }
    package var optionalPrefix: String { discriminator.optionalPrefix }
    package var headsInFiles: [String] { discriminator.headsInFiles }

    /// The generator's folder, and what the names of its own parameters begin with.
    package static let folder = "generator"

    init(_ file: ConfigurationFile, generator size: GeneratorSize) throws(ModelError) {
        discriminator = try Encoder(electra: file)
        let own = discriminator.configuration
        let root = Scope(discriminator.registry)
        tokenHead = TaskHead(replacedTokensOf: own, in: root)
        let smaller = try ConfigurationFile(text: Self.generator(file.text, own, size))
        let below = root / Self.folder
        let configuration = try EncoderConfiguration(
            smaller, own.names, .init(width: 256, heads: 4, inner: 1024, embedding: 128))
        generator = Encoder(
            smaller, configuration, .language, in: discriminator.registry, below: below,
            EncoderEmbeddings(
                sharing: discriminator.embeddings, below / own.names.prefix, configuration))
    }

    /// config.json of the generator.
    private static func generator(
        _ text: String, _ own: EncoderConfiguration, _ size: GeneratorSize
    ) -> String {
        let width = max(1, Int((Double(own.hiddenSize) * size.share).rounded()))
        // Heads of 64, where that divides the width.
        let heads = (1...max(1, width / 64)).last { width % $0 == 0 } ?? 1
        return ModelPurpose.configuration(
            text,
            [
                ModelPurpose.architecture("ElectraForMaskedLM"), ("hidden_size", .int(width)),
                ("num_attention_heads", .int(heads)), ("intermediate_size", .int(4 * width)),
                ("embedding_size", .int(own.embeddingSize)),
            ])
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        discriminator.hiddenStates(input, in: pass)
    }

    package func otherNamesInFiles(of name: String) -> [String] {
        discriminator.otherNamesInFiles(of: name)
    }

    package func extraArray(_ name: String) -> ExtraArray? { discriminator.extraArray(name) }

    /// The discriminator, and the generator in a folder beside it, each with the embeddings.
    package var parts: [ModelPart] {
        let prefix = Self.folder + "."
        let (drawing, own) = (
            parameters.filter { $0.name.hasPrefix(prefix) },
            parameters.filter { !$0.name.hasPrefix(prefix) }
        )
        let shared = own.filter { $0.name.hasPrefix(optionalPrefix + "embeddings.") }
        return [
            ModelPart(
                folder: "", configuration: description.configuration,
                arrays: own.map { (name: $0.name, parameter: $0) }),
            ModelPart(
                folder: Self.folder, configuration: generator.description.configuration,
                arrays: (shared + drawing).map {
                    (
                        name: $0.name.hasPrefix(prefix)
                            ? String($0.name.dropFirst(prefix.count)) : $0.name, parameter: $0
                    )
                }),
        ]
    }
}
