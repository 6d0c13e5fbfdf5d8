package import Configuration
import Files
package import Kernels
package import ModelFiles
import Models
package import Templates
import Tokenizers

/// A model as a configuration describes it, with what writes conversations for it.
package struct ChatModel {
    package let inference: InferenceModel
    /// What writes conversations; `nil` where the model has no template and none was asked for.
    package let encoder: (any ConversationEncoding)?
    /// Why there is no ``encoder``; empty where there is one.
    package let templateProblem: String
    package let settings: ChatSession.Settings
    /// Where the model lies.
    package let path: String
    /// Lines for the user about how answers are drawn.
    package let notes: [String]

    /// - Parameters:
    ///   - threads: where the configuration names none.
    ///   - needsTemplate: whether a model without a chat template is refused.
    ///   - choices: folders of adapters to choose from.
    /// - Throws: ``GenerationError`` where model, tokenizer or template are missing or do not fit.
    package init(
        _ configuration: RunConfiguration, threads: Int, needsTemplate: Bool = true,
        choices: [String] = []
    ) throws(GenerationError) {
        guard let given = configuration.model.modelNameOrPath else {
            throw .user("model_name_or_path is not set; give the model to talk to")
        }
        let (path, inference, scaling) = try GenerationError.ofModelFiles {
            () throws(ModelFileError) in
            let (path, adapters) = try ModelSource.resolved(
                given, adapters: configuration.adapter.adapterNameOrPath)
            let source = try ModelSource(path: path)
            let inference = try InferenceModel(
                path: path, adapters: adapters, tokenizer: configuration.model.tokenizerOfItsOwn,
                quantizationBits: configuration.adapter.quantizationBit,
                scaling: configuration.ropeScaling, choices: choices,
                computeType: try Self.computeType(configuration, source: source),
                threads: configuration.compute.threadsPerRank ?? threads)
            try inference.requireDecoder()
            return (path, inference, try source.scalingNote(configuration))
        }
        let (settings, notes) = try ChatSession.Settings.of(configuration, inference)
        guard let tokenizer = inference.tokenizer else {
            throw .user(
                "the model \(path) has no tokenizer.json; give a folder that holds the model "
                    + "and its tokenizer")
        }
        let model = configuration.model
        for token in model.addTokens + model.addSpecialTokens where tokenizer.id(of: token) == nil {
            throw .user(
                "add_tokens: '\(token)' is in neither the model's tokenizer nor the adapter's; "
                    + "train with it first, an untrained token says nothing")
        }
        self.inference = inference
        self.settings = settings
        self.path = path
        self.notes = notes + [scaling].compactMap { $0 }
        do {
            encoder = try Self.encoder(configuration, inference, tokenizer)
            templateProblem = ""
        } catch {
            guard !needsTemplate, configuration.data.template == nil else {
                throw .modelFile(error)
            }
            encoder = nil
            templateProblem = "\(error)"
        }
    }

    private static func encoder(
        _ configuration: RunConfiguration, _ inference: InferenceModel, _ tokenizer: any Tokenizer
    ) throws(ModelFileError) -> any ConversationEncoding {
        var encoding = EncodingSettings()
        encoding.enableThinking = configuration.data.enableThinking
        encoding.preservesThinking = configuration.data.preserveThinking
        return try ModelTemplate.encoderOfPrompts(
            configuration, files: inference.tokenizerFiles, tokenizer, encoding)
    }

    /// `infer_dtype`; with `auto` bfloat16 where the model's own numbers are of two bytes, whose
    /// reading then takes half the time, else float32.
    private static func computeType(
        _ configuration: RunConfiguration, source: ModelSource
    ) throws(ModelFileError) -> ElementType {
        if let type = computeType(configuration) { return type }
        let values = try? JSONValueReader.read(try source.configuration())
        let type = (values?["dtype"] ?? values?["torch_dtype"])?.string
        return type == "bfloat16" || type == "float16" ? .bfloat16 : .float32
    }

    /// `infer_dtype`; with `auto` float32, whose vectors and scores are those of `lockstep embed` and
    /// `lockstep score`.
    package static func computeTypeOfNumbers(_ configuration: RunConfiguration) -> ElementType {
        computeType(configuration) ?? .float32
    }

    /// `infer_dtype`; `nil` with `auto`.
    private static func computeType(_ configuration: RunConfiguration) -> ElementType? {
        switch configuration.export.inferDType {
        case .float32: .float32
        case .bfloat16: .bfloat16
        case .float16: .float16
        case .auto: nil
        }
    }
}
