import Configuration
import Datasets
import ModelFiles
import Templates
import TextData

/// How conversations of a stage are written that cuts texts, or leaves rows out, once all of a row is known.
struct UncutWriting {
    let encoder: any ConversationEncoding
    let tokenizerFiles: [String: String]
    let notice: String?
    let settings: InstructionSettings

    /// - Parameter use: what rows hold.
    init(_ context: StageContext, for use: DatasetUse) throws(TrainingError) {
        let configuration = context.configuration
        var settings = InstructionData.settings(configuration, threads: context.threads)
        settings.use = use
        settings.predicts = false
        settings.encoding.cutoffLength = 1 << 40
        let encoder = try InstructionData.encoder(
            configuration, context.text, model: context.model, settings.encoding,
            over: context.communicator)
        tokenizerFiles = try ofModelFiles { () throws(ModelFileError) in
            try ModelTemplate.files(context.text.files, endingAs: encoder)
        }
        notice = InstructionData.notice(
            configuration, files: context.text.files, encoder.tokenizer)
        self.encoder = encoder
        self.settings = settings
    }

    /// Reads and mixes what the configuration names. Collective.
    func rows(_ context: StageContext) throws(TrainingError) -> InstructionRows {
        try InstructionEncoding(settings, encoder, over: context.communicator).rows
    }

    /// The datasets that are read, for a line.
    var names: String {
        (settings.datasets.isEmpty ? settings.evaluationDatasets : settings.datasets)
            .joined(separator: ", ")
    }

    /// Stands for the files of the rows that are learned from; `nil` where there are none.
    var files: String? {
        settings.datasets.isEmpty ? nil : settings.files.flatMap(SessionData.files)
    }
}
