package import Configuration
import ModelFiles

extension ChatSession {
    /// The conversation that a configuration describes, its model read.
    ///
    /// - Parameter threads: where the configuration names none.
    /// - Throws: ``GenerationError`` where model, tokenizer or template are missing or do not fit.
    package convenience init(
        _ configuration: RunConfiguration, threads: Int
    ) throws(GenerationError) {
        let model = try ChatModel(configuration, threads: threads)
        guard let encoder = model.encoder else { throw .user(model.templateProblem) }
        self.init(model.inference, encoder, model.settings)
        notes = model.notes
    }
}

extension ChatSession.Settings {
    /// As a configuration says, else as the model's generation_config.json does.
    ///
    /// - Returns: the settings, and lines for the user.
    /// - Throws: as ``InferenceModel/samplingDefaults(_:given:)``.
    static func of(
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
        var (sampling, taken) = try GenerationError.ofModelFiles { () throws(ModelFileError) in
            let found = try inference.samplingDefaults(generation.sampling, given: given)
            try InferenceModel.checkBeams(found.settings)
            return found
        }
        let isSaid = given.contains("do_sample")
        let drawing = isSaid ? nil : inference.drawingNote(sampling, taken: taken)
        settings.length = .new(generation.maxNewTokens)
        let found = try GenerationError.ofModelFiles { () throws(ModelFileError) in
            try inference.lengthDefault()
        }
        if let found, !configuration.isGiven("max_new_tokens") {
            settings.length = found.length
            taken.append(found.taken)
        }
        sampling.seed = UInt64(configuration.train.seed)
        settings.sampling = sampling
        settings.system = configuration.data.defaultSystem ?? ""
        settings.skipsSpecialTokens = generation.skipSpecialTokens
        let line = "\(inference.samplingFile) gives \(taken.joined(separator: ", "))"
        return (settings, (taken.isEmpty ? [] : [line]) + [drawing].compactMap { $0 })
    }
}
