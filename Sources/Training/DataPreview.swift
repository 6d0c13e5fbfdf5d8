package import Configuration
import Datasets
import ModelFiles
import Templates
import TextData
import Tokenizers

/// The first rows of a supervised run's data, as the model is given them.
package enum DataPreview {
    /// A part of a row: what one run of ids decodes to, and whether those are learned.
    package typealias Piece = (text: String, isLearned: Bool)

    /// Reads, writes through the template and encodes the first rows; nothing is written.
    ///
    /// - Parameter count: of rows at most.
    /// - Throws: ``TrainingError`` for data, a tokenizer or a template that cannot be used.
    package static func rows(
        _ configuration: RunConfiguration, count: Int
    ) throws(TrainingError) -> [[Piece]] {
        guard configuration.method.stage == .supervised else {
            throw .user(
                "rows are shown for stage: sft, but stage is \(configuration.method.stage.rawValue)"
            )
        }
        let (text, tokenizer) = try ofModelFiles { () throws(ModelFileError) in
            let text = try RunTokenizer(configuration)
            return (text, try text.tokenizer())
        }
        let format = try InstructionData.format(
            configuration, text, tokenizer, for: InstructionData.kind(configuration))
        var settings = InstructionData.settings(configuration, threads: 1)
        if settings.datasets.isEmpty { settings.datasets = settings.evaluationDatasets }
        settings.evaluationDatasets = []
        settings.heldOut = 0
        settings.trains = true
        settings.predicts = false
        settings.packing = .none
        settings.rowLimit = min(settings.rowLimit ?? count, count)
        let rowSettings = settings
        let dataset = try ofConversations { () throws(ConversationError) in
            try InstructionDataset(rowSettings, format, tokenizer)
        }
        return dataset.training.prefix(count).map { pieces(of: $0, tokenizer) }
    }

    /// Ids next to each other that are all learned or all not, decoded together.
    private static func pieces(
        of example: TokenizedExample, _ tokenizer: any Tokenizer
    ) -> [Piece] {
        var pieces: [(ids: [Int32], isLearned: Bool)] = []
        for (id, label) in zip(example.ids, example.labels) {
            let isLearned = label != TokenizedExample.noLoss
            if pieces.last?.isLearned == isLearned {
                pieces[pieces.count - 1].ids.append(id)
            } else {
                pieces.append(([id], isLearned))
            }
        }
        return pieces.map { (tokenizer.decode($0.ids), $0.isLearned) }
    }
}
