import Distributed
import Foundation
import Models
import TextData

/// The conversations of a supervised run.
struct InstructionData {
    let data: SessionData
    /// Prompts and reference answers, where the run predicts.
    let predictions: [PromptExample]
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
        let parts = try RankAgreement.all(communicator) { () throws(TrainingError) in
            let tokenizer = try text.tokenizer()
            guard tokenizer.vocabularySize <= model.description.vocabularySize else {
                throw .user(
                    "the tokenizer has \(tokenizer.vocabularySize) tokens but the model only "
                        + "\(model.description.vocabularySize); give the model's own tokenizer")
            }
            let template = try Self.template(configuration, files: text.files)
            return try Self.encoder(template, tokenizer, settings.encoding)
        }
        encoder = parts
        files = try Self.files(text.files, endingAs: encoder)
        let reader = InstructionReader(
            configuration: configuration, settings: settings, encoder: encoder)
        if configuration.data.streaming, configuration.method.doTrain {
            (data, predictions) = try RankAgreement.all(communicator) {
                () throws(TrainingError) in
                try reader.stream(ranks: communicator.size)
            }
        } else {
            let dataset = try reader.dataset(over: communicator)
            data = reader.data(of: dataset, ranks: communicator.size)
            predictions = dataset.predictions
        }
    }

    var tokenizer: any Tokenizer { encoder.tokenizer }

    /// The template that the configuration names, or the one that belongs to the model.
    static func template(
        _ configuration: RunConfiguration, files: [String: String]
    ) throws(TrainingError) -> any ConversationFormat {
        do {
            var template =
                if let name = configuration.data.template {
                    try ChatTemplate.named(name)
                } else {
                    try ChatTemplate.recognised(from: chatTemplate(of: files))
                }
            if let format = configuration.data.toolFormat {
                template = try template.withToolFormat(format)
            }
            if let system = configuration.data.defaultSystem { template.defaultSystem = system }
            return template
        } catch {
            throw .conversation(error)
        }
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
        let data = Data((files["tokenizer_config.json"] ?? "").utf8)
        let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
        return object?["chat_template"] as? String
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
        if let text = files[map],
            var names = (try? JSONSerialization.jsonObject(with: Data(text.utf8)))
                as? [String: Any]
        {
            names["eos_token"] = token
            let data = try? JSONSerialization.data(
                withJSONObject: names,
                options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
            files[map] = data.map { String(decoding: $0, as: UTF8.self) }
        }
        return files
    }

    /// What the configuration says of conversations.
    static func settings(
        _ configuration: RunConfiguration, threads: Int
    ) -> InstructionSettings {
        let data = configuration.data
        let trains = configuration.method.doTrain
        // Rows are held out of those to learn from.
        var settings = InstructionSettings(
            datasets: trains || data.valSize > 0 ? data.dataset : [])
        settings.trains = trains
        settings.folder = data.datasetDir
        settings.evaluationDatasets = data.evalDataset
        settings.encoding.cutoffLength = data.cutoffLen
        settings.encoding.trainsOnPrompt = data.trainOnPrompt
        settings.encoding.masksHistory = data.maskHistory
        settings.encoding.enableThinking = data.enableThinking
        settings.rowLimit = data.maxSamples
        settings.heldOut = data.valSize
        settings.seed = UInt64(configuration.train.dataSeed)
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
