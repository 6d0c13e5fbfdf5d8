package import Configuration
import Distributed
import Files
import Models
package import TextData
package import Tokenizers

/// The conversations of a supervised run.
package struct InstructionData {
    let data: SessionData
    /// Prompts and reference answers, where the run predicts.
    let predictions: [PromptExample]
    /// Of those, each dataset's own, where each is evaluated by itself.
    let predictionParts: [EvaluatedDataset]
    /// What writes conversations.
    let encoder: any ConversationEncoding
    /// The tokenizer's files as the model is to be used with the template.
    let files: [String: String]

    /// Reads and encodes what the configuration names. Collective.
    init(
        _ configuration: RunConfiguration, _ text: RunTokenizer, model: any LanguageModel,
        threads: Int, over communicator: any Communicator
    ) throws(TrainingError) {
        let settings = Self.settings(configuration, threads: threads)
        let parts = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let tokenizer = try text.tokenizer()
            guard tokenizer.vocabularySize <= model.description.vocabularySize else {
                throw .user(
                    "the tokenizer has \(tokenizer.vocabularySize) tokens but the model only "
                        + "\(model.description.vocabularySize); give the model's own tokenizer, or "
                        + "set resize_vocab: true")
            }
            let template = try Self.template(configuration, files: text.files, tokenizer)
            return try Self.encoder(template, tokenizer, settings.encoding)
        }
        encoder = parts
        files = try Self.files(text.files, endingAs: encoder)
        let reader = InstructionReader(
            configuration: configuration, settings: settings, encoder: encoder,
            notice: Self.notice(configuration, files: text.files, encoder.tokenizer))
        if configuration.data.streaming, configuration.method.doTrain {
            (data, predictions, predictionParts) = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try reader.stream(ranks: communicator.size)
            }
        } else {
            let dataset = try reader.dataset(over: communicator)
            data = reader.data(of: dataset, ranks: communicator.size)
            (predictions, predictionParts) = (dataset.predictions, dataset.parts)
        }
    }

    var tokenizer: any Tokenizer { encoder.tokenizer }

    /// The template that the configuration names, or the one that belongs to the model: that of the
    /// table which writes the same, else the model's own, rendered.
    package static func template(
        _ configuration: RunConfiguration, files: [String: String], _ tokenizer: any Tokenizer
    ) throws(TrainingError) -> any ConversationFormat {
        let data = configuration.data
        do throws(ConversationError) {
            var template: ChatTemplate
            if let name = data.template {
                template = try ChatTemplate.named(name)
            } else {
                guard var own = try RenderedTemplate(files: files) else {
                    throw .noTemplate(reason: "the model has no chat template of its own")
                }
                if let same = ChatTemplate.recognised(as: own, tokenizer) {
                    template = same
                } else if let format = data.toolFormat {
                    throw .setting(
                        name: "tool_format", found: format,
                        expected: "none, for the model's own chat template writes tools its own "
                            + "way, or a template: NAME to go with it")
                } else {
                    own.defaultSystem = data.defaultSystem ?? ""
                    return own
                }
            }
            if let format = data.toolFormat { template = try template.withToolFormat(format) }
            if let system = data.defaultSystem { template.defaultSystem = system }
            return template
        } catch {
            throw .conversation(error)
        }
    }

    /// What to say where a template by name writes otherwise than the model's own, which programs
    /// that serve the model use; `nil` where it does not.
    private static func notice(
        _ configuration: RunConfiguration, files: [String: String], _ tokenizer: any Tokenizer
    ) -> String? {
        guard let name = configuration.data.template, let template = try? ChatTemplate.named(name),
            let own = try? RenderedTemplate(files: files),
            template.writesOtherwise(than: own, tokenizer)
        else { return nil }
        return "template \(name) writes other text than the model's own chat template, which "
            + "programs that serve the model use; lockstep doctor --model "
            + "\(configuration.model.tokenizerNameOrPath ?? "PATH") --template \(name) shows where"
    }

    /// What writes conversations with the template.
    static func encoder(
        _ format: any ConversationFormat, _ tokenizer: any Tokenizer,
        _ settings: EncodingSettings = EncodingSettings()
    ) throws(TrainingError) -> any ConversationEncoding {
        do {
            return try format.encoder(tokenizer, settings)
        } catch {
            throw .conversation(error)
        }
    }

    /// The model's own template, from tokenizer_config.json or the file beside it.
    static func chatTemplate(of files: [String: String]) -> String? {
        if let text = files["chat_template.jinja"] { return text }
        let object = try? JSONValueReader.read(files["tokenizer_config.json"] ?? "")
        let template = object?["chat_template"]
        let named = template?.array?.first { $0["name"]?.string == "default" }
        return template?.string ?? named?["template"]?.string
    }

    /// The tokenizer's files with the token that ends an answer as `eos_token`, so that programs
    /// that read them stop where the template does. A chat template of the model's own stays as it
    /// is; where there is none, none is made up.
    static func files(
        _ files: [String: String], endingAs encoder: any ConversationEncoding
    ) throws(TrainingError) -> [String: String] {
        let tokenizer = encoder.tokenizer
        guard encoder.endOfText != tokenizer.endOfText,
            let token = tokenizer.token(of: encoder.endOfText)
        else { return files }
        var files = files
        do {
            let edited = try tokenizer.withEndOfText(token)
            files["tokenizer.json"] = edited.fileText
            files["tokenizer_config.json"] = edited.configurationText
        } catch {
            throw .tokenizer(error)
        }
        let map = "special_tokens_map.json"
        if let text = files[map], let names = try? JSONValueReader.read(text), names.members != nil
        {
            files[map] = names.setting("eos_token", to: .string(token)).text(indent: 2) + "\n"
        }
        return files
    }

    /// What the configuration says of conversations.
    package static func settings(
        _ configuration: RunConfiguration, threads: Int
    ) -> InstructionSettings {
        let data = configuration.data
        let trains = configuration.method.doTrain
        // Rows are held out of those to learn from.
        var settings = InstructionSettings(
            datasets: trains || data.valSize > 0 ? data.dataset : [])
        settings.trains = trains
        settings.folder = data.datasetDir
        settings.listed = data.datasetInfo
        settings.caches = configuration.caches
        settings.evaluationDatasets = data.evalDataset
        settings.evaluatesEach = data.evaluatesEach
        settings.encoding.cutoffLength = data.cutoffLen
        settings.encoding.trainsOnPrompt = data.trainOnPrompt
        settings.encoding.masksHistory = data.maskHistory
        settings.encoding.enableThinking = data.enableThinking
        settings.encoding.preservesThinking = data.preserveThinking
        settings.rowLimit = data.maxSamples
        settings.heldOut = data.valSize
        // LLaMA-Factory mixes and divides by seed; data_seed orders samples only.
        settings.seed = UInt64(configuration.train.seed)
        settings.mixing = InstructionSettings.Mixing(rawValue: data.mixStrategy) ?? .concat
        settings.probabilities =
            data.interleaveProbabilities.isEmpty ? nil : data.interleaveProbabilities
        settings.packing = data.neatPacking ? .neat : data.packing ? .plain : .none
        settings.packingBatch = data.preprocessingBatchSize
        settings.isStrict = data.strictData
        settings.predicts = configuration.predicts
        settings.threads = data.preprocessingNumWorkers.map { min($0, threads) } ?? threads
        return settings
    }
}

extension RunConfiguration {
    /// Whether held-out prompts are continued: at the end or at evaluations.
    var predicts: Bool {
        method.doPredict
            || (evaluation.predictWithGenerate
                && (method.doEval || evaluation.evalStrategy != .no || evaluation.evalOnStart))
    }
}
