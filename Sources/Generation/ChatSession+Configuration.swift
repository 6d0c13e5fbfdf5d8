package import Configuration
import Files
import Kernels
import ModelFiles
import Models
import Templates

extension ChatSession {
    /// The conversation that a configuration describes, its model read.
    ///
    /// - Parameter threads: where the configuration names none.
    /// - Throws: ``GenerationError`` where model, tokenizer or template are missing or do not fit.
    package convenience init(
        _ configuration: RunConfiguration, threads: Int
    ) throws(GenerationError) {
        guard let given = configuration.model.modelNameOrPath else {
            throw .user("model_name_or_path is not set; give the model to talk to")
        }
        let (path, inference) = try GenerationError.ofModelFiles { () throws(ModelFileError) in
            let (path, adapters) = try ModelSource.resolved(
                given, adapters: configuration.adapter.adapterNameOrPath)
            let source = try ModelSource(path: path)
            let inference = try InferenceModel(
                path: path, adapters: adapters, tokenizer: configuration.model.tokenizerOfItsOwn,
                quantizationBits: configuration.adapter.quantizationBit,
                scaling: configuration.ropeScaling,
                computeType: try Self.computeType(configuration, source: source),
                threads: configuration.compute.threadsPerRank ?? threads)
            return (path, inference)
        }
        let (settings, notes) = try Settings.of(configuration, inference)
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
        var encoding = EncodingSettings()
        encoding.enableThinking = configuration.data.enableThinking
        encoding.preservesThinking = configuration.data.preserveThinking
        let encoder = try GenerationError.ofModelFiles { () throws(ModelFileError) in
            try ModelTemplate.encoder(
                try ModelTemplate.template(
                    configuration, files: inference.tokenizerFiles, tokenizer),
                tokenizer, encoding)
        }
        self.init(inference, encoder, settings)
        self.notes = notes
    }

    /// `infer_dtype`; with `auto` bfloat16 where the model's own numbers are of two bytes, whose
    /// reading then takes half the time, else float32.
    private static func computeType(
        _ configuration: RunConfiguration, source: ModelSource
    ) throws(ModelFileError) -> ElementType {
        switch configuration.export.inferDType {
        case .float32: return .float32
        case .bfloat16: return .bfloat16
        case .float16: return .float16
        case .auto: break
        }
        let values = try? JSONValueReader.read(try source.configuration())
        let type = (values?["dtype"] ?? values?["torch_dtype"])?.string
        return type == "bfloat16" || type == "float16" ? .bfloat16 : .float32
    }
}

extension ChatSession.Settings {
    /// As a configuration says, else as the model's generation_config.json does.
    ///
    /// - Returns: the settings, and lines for the user.
    /// - Throws: as ``InferenceModel/samplingDefaults(_:given:)``.
    fileprivate static func of(
        _ configuration: RunConfiguration, _ inference: InferenceModel
    ) throws(GenerationError) -> (settings: Self, notes: [String]) {
        let generation = configuration.generation
        let keys = [
            "do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "num_beams",
            "length_penalty",
        ]
        var given = Set(keys.filter(configuration.isGiven))
        // One of the two says whether tokens are drawn; and who does not want that needs no more.
        if given.contains("temperature") { given.insert("do_sample") }
        if given.contains("do_sample"), !generation.doSample { given.insert("temperature") }
        var settings = Self()
        let (sampling, taken) = try GenerationError.ofModelFiles { () throws(ModelFileError) in
            let found = try inference.samplingDefaults(generation.sampling, given: given)
            try InferenceModel.checkBeams(found.settings)
            return found
        }
        settings.sampling = sampling
        settings.sampling.seed = UInt64(configuration.train.seed)
        settings.maxNewTokens = generation.maxNewTokens
        settings.system = configuration.data.defaultSystem ?? ""
        settings.skipsSpecialTokens = generation.skipSpecialTokens
        let line = "generation_config.json gives \(taken.joined(separator: ", "))"
        return (settings, taken.isEmpty ? [] : [line])
    }
}
