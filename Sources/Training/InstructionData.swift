package import Configuration
package import Datasets
import Distributed
import Files
import ModelFiles
import Models
import Templates
import TextData
import Tokenizers

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
        let encoder = try Self.encoder(
            configuration, text, model: model, settings.encoding, over: communicator)
        self.encoder = encoder
        files = try ofModelFiles { () throws(ModelFileError) in
            try ModelTemplate.files(text.files, endingAs: encoder)
        }
        let reader = InstructionReader(
            configuration: configuration, settings: settings, encoder: encoder,
            notice: Self.notice(configuration, files: text.files, encoder.tokenizer))
        // Examples that are kept are mapped, so nothing is left to stream.
        if configuration.data.streaming, configuration.data.tokenizedPath == nil,
            configuration.method.doTrain
        {
            (data, predictions, predictionParts) = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try reader.stream(ranks: communicator.size)
            }
        } else {
            let (examples, note) = try reader.examples(
                vocabularySize: model.description.vocabularySize, over: communicator)
            data = reader.data(of: examples, note: note, ranks: communicator.size)
            (predictions, predictionParts) = (examples.predictions, examples.parts)
        }
    }

    /// What writes a run's conversations. Collective.
    static func encoder(
        _ configuration: RunConfiguration, _ text: RunTokenizer, model: any LanguageModel,
        _ settings: EncodingSettings, over communicator: any Communicator
    ) throws(TrainingError) -> any ConversationEncoding {
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
            guard tokenizer.vocabularySize <= model.description.vocabularySize else {
                throw .user(
                    "the tokenizer has \(tokenizer.vocabularySize) tokens but the model only "
                        + "\(model.description.vocabularySize); give the model's own tokenizer, or "
                        + "set resize_vocab: true")
            }
            let format = try Self.format(
                configuration, text, tokenizer, for: model.description.kind)
            return try ofModelFiles { () throws(ModelFileError) in
                try ModelTemplate.encoder(format, tokenizer, settings)
            }
        }
    }

    var tokenizer: any Tokenizer { encoder.tokenizer }

    /// What to say where a template by name writes otherwise than the model's own, which programs
    /// that serve the model use; `nil` where it does not.
    static func notice(
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
        settings.mixing = data.mixStrategy
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
