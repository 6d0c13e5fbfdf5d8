package import Configuration
package import ModelFiles
package import Models
package import Templates
package import Tokenizers

extension InstructionData {
    /// How rows are written for a model of a kind: by a template, or as a text and its target.
    ///
    /// - Throws: ``TrainingError/user(_:)`` for keys that mean nothing for such a model.
    package static func format(
        _ configuration: RunConfiguration, _ text: RunTokenizer, _ tokenizer: any Tokenizer,
        for kind: ModelKind
    ) throws(TrainingError) -> any ConversationFormat {
        let settings = configuration.settings
        guard kind == .encoderDecoder else {
            for name in TextPairSection.names where settings.isGiven(name) {
                throw .user(
                    "\(name) is for an encoder-decoder, which reads texts and writes targets, but "
                        + "the model is a \(kind.rawValue); leave it out")
            }
            return try ofModelFiles { () throws(ModelFileError) in
                try ModelTemplate.template(configuration, files: text.files, tokenizer)
            }
        }
        let data = configuration.data
        let unused: [(name: String, isUsed: Bool, advice: String)] = [
            (
                "template", data.template != nil,
                "texts are read as they are, after source_prefix where one is given"
            ),
            ("default_system", data.defaultSystem != nil, "give source_prefix"),
            ("tool_format", data.toolFormat != nil, "it calls no tools"),
            ("packing", data.packing, "texts of different lengths are filled up and masked"),
            (
                "neat_packing", data.neatPacking,
                "texts of different lengths are filled up and masked"
            ),
            ("train_on_prompt", data.trainOnPrompt, "the encoder writes nothing"),
            ("mask_history", data.maskHistory, "each row is one text and its target"),
        ]
        if let key = unused.first(where: \.isUsed) {
            throw .user(
                "\(key.name) is not used with an encoder-decoder, which reads one text and writes "
                    + "another: \(key.advice); leave it out")
        }
        let pairs = configuration.pairs
        return TextPairFormat(
            prefix: pairs.sourcePrefix, sourceLimit: pairs.maxSourceLength,
            targetLimit: pairs.maxTargetLength)
    }

    /// The kind of a run's model, where rows are prepared for it before it is read. Whoever trains says
    /// what is wrong with a model that cannot be read.
    static func kind(_ configuration: RunConfiguration) -> ModelKind {
        guard let path = configuration.model.modelNameOrPath,
            let source = try? ModelSource(path: path),
            let model = try? source.model(weighted: false)
        else { return .decoder }
        return model.description.kind
    }
}
