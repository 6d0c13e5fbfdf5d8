import Foundation
import Models
import TextData

/// The conversations of a supervised run.
struct InstructionData {
    let data: SessionData
    /// Prompts and reference answers, where the run predicts.
    let predictions: [PromptExample]
    let template: ChatTemplate
    let tokenizer: any Tokenizer
    /// The tokenizer's files as the model is to be used with the template.
    let files: [String: String]

    /// Reads and encodes what the configuration names.
    init(
        _ configuration: RunConfiguration, _ text: RunTokenizer, model: any LanguageModel,
        ranks: Int, threads: Int
    ) throws(TrainingError) {
        let tokenizer = try text.tokenizer()
        guard tokenizer.vocabularySize <= model.description.vocabularySize else {
            throw .user(
                "the tokenizer has \(tokenizer.vocabularySize) tokens but the model only "
                    + "\(model.description.vocabularySize); give the model's own tokenizer")
        }
        let template = try Self.template(configuration, files: text.files)
        let dataset: InstructionDataset
        let settings = Self.settings(configuration, threads: threads)
        do {
            dataset = try InstructionDataset(settings, template, tokenizer)
        } catch {
            throw .conversation(error)
        }
        self.template = template
        self.tokenizer = tokenizer
        files = text.files
        predictions = dataset.predictions
        let longest = configuration.data.cutoffLen
        let training = ExampleSamples(dataset.training, longest: longest)
        let tokens = dataset.training.reduce(0) { $0 + $1.ids.count }
        let targets = dataset.training.reduce(0) { $0 + $1.targetCount }
        var notes = dataset.report.lines
        notes.append(
            "data \(configuration.data.dataset.joined(separator: ", ")): "
                + "\(dataset.training.count) examples of \(tokens) tokens, \(targets) with loss, "
                + "\(max(dataset.evaluation.count, predictions.count)) held out; "
                + "template \(template.name)")
        notes += dataset.firstExampleDescription(tokenizer).split(separator: "\n").map(String.init)
        let globalBatch =
            configuration.train.perDeviceTrainBatchSize
            * configuration.train.gradientAccumulationSteps * ranks
        data = SessionData(
            training: TrainingSamples(
                training, seed: UInt64(configuration.train.dataSeed),
                shuffled: !configuration.data.disableShuffling, globalBatch: globalBatch),
            trainingCount: training.count,
            evaluation: dataset.evaluation.isEmpty
                ? nil : ExampleSamples(dataset.evaluation, longest: longest),
            sampleTokens: longest, datasetTokens: tokens, notes: notes)
    }

    /// The template that the configuration names, or the one that belongs to the model.
    static func template(
        _ configuration: RunConfiguration, files: [String: String]
    ) throws(TrainingError) -> ChatTemplate {
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
        _ template: ChatTemplate, _ tokenizer: any Tokenizer,
        _ settings: EncodingSettings = EncodingSettings()
    ) throws(TrainingError) -> ConversationEncoder {
        do {
            return try ConversationEncoder(template, tokenizer, settings)
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

    private static func settings(
        _ configuration: RunConfiguration, threads: Int
    ) -> InstructionSettings {
        let data = configuration.data
        var settings = InstructionSettings(datasets: data.dataset)
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
        settings.predicts = configuration.method.doPredict
        settings.threads = data.preprocessingNumWorkers.map { min($0, threads) } ?? threads
        return settings
    }
}
