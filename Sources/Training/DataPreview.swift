package import Configuration
import Datasets
import Foundation
import ModelFiles
import Templates
import TextData
import Tokenizers

/// The first rows of a run's data, as the model is given them.
package enum DataPreview {
    /// A part of a sample: what one run of ids decodes to, and whether those are learned.
    package typealias Piece = (text: String, isLearned: Bool)

    /// What the model is given at once.
    package struct Sample {
        /// What it is of its row, as `chosen`; `nil` where there is nothing to tell apart.
        package let title: String?
        package let pieces: [Piece]

        init(_ title: String? = nil, _ pieces: [Piece]) {
            self.title = title
            self.pieces = pieces.filter { !$0.text.isEmpty }
        }
    }

    /// Reads, writes through the template and encodes the first rows; nothing is written.
    ///
    /// - Parameter count: of rows at most.
    /// - Throws: ``TrainingError`` for data, a tokenizer or a template that cannot be used, and for
    ///   `stage: cls`, whose rows are not shown.
    package static func samples(
        _ given: RunConfiguration, count: Int
    ) throws(TrainingError) -> [Sample] {
        let configuration = try given.fittedToModel()
        let (text, tokenizer) = try ofModelFiles { () throws(ModelFileError) in
            let text = try RunTokenizer(configuration)
            return (text, try text.tokenizer())
        }
        if configuration.method.stage == .pretraining {
            return try documents(configuration, tokenizer, count: count)
        }
        let stage = Rows(
            configuration: configuration,
            format: try InstructionData.format(
                configuration, text, tokenizer, for: InstructionData.kind(configuration)),
            tokenizer: tokenizer, count: count)
        switch configuration.method.stage {
        case .supervised: return try stage.answers
        case .preference, .ranking: return try stage.pairs
        case .desirability: return try stage.judgedAnswers
        case .policy: return try stage.prompts(answerColumn: nil)
        case .groupPolicy:
            return try stage.prompts(answerColumn: configuration.groupPolicy.answerColumn)
        case .classification, .pretraining:
            throw .user("rows of stage: \(configuration.method.stage.rawValue) are not shown")
        }
    }

    /// Rows that a template writes.
    private struct Rows {
        let configuration: RunConfiguration
        let format: any ConversationFormat
        let tokenizer: any Tokenizer
        let count: Int

        private func settings(_ use: DatasetUse) -> InstructionSettings {
            var settings = InstructionData.settings(configuration, threads: 1)
            if settings.datasets.isEmpty { settings.datasets = settings.evaluationDatasets }
            settings.use = use
            settings.evaluationDatasets = []
            settings.heldOut = 0
            settings.trains = true
            settings.predicts = false
            settings.packing = .none
            settings.rowLimit = min(settings.rowLimit ?? count, count)
            return settings
        }

        /// Rows that are not cut as they are encoded.
        private func wholeRows(_ use: DatasetUse) throws(TrainingError) -> InstructionRows {
            var settings = settings(use)
            settings.encoding.cutoffLength = 1 << 40
            let whole = settings
            return try ofConversations { () throws(ConversationError) in
                try InstructionRows(whole, format, tokenizer)
            }
        }

        var answers: [Sample] {
            get throws(TrainingError) {
                let settings = settings(.answers)
                let dataset = try ofConversations { () throws(ConversationError) in
                    try InstructionDataset(settings, format, tokenizer)
                }
                return dataset.training.prefix(count).map {
                    Sample(nil, pieces(of: $0.ids, labels: $0.labels))
                }
            }
        }

        var pairs: [Sample] {
            get throws(TrainingError) {
                let rows = try wholeRows(.pairs)
                let dataset = try ofConversations { () throws(ConversationError) in
                    try PreferenceDataset(pairs: rows, cutoff: configuration.data.cutoffLen)
                }
                return (dataset.parts.first?.examples ?? []).prefix(count).flatMap {
                    [sample("chosen", $0.chosen), sample("rejected", $0.rejected)]
                }
            }
        }

        var judgedAnswers: [Sample] {
            get throws(TrainingError) {
                let rows = try wholeRows(.judgedAnswers)
                let dataset = try ofConversations { () throws(ConversationError) in
                    try PreferenceDataset(judged: rows, cutoff: configuration.data.cutoffLen)
                }
                return (dataset.parts.first?.examples ?? []).prefix(count).map {
                    sample($0.isDesirable ? "desirable" : "undesirable", $0.answer)
                }
            }
        }

        /// What the model is to answer itself; of a right answer nothing is learned.
        func prompts(answerColumn: String?) throws(TrainingError) -> [Sample] {
            let rows = try wholeRows(.prompts)
            let dataset = try ofConversations { () throws(ConversationError) in
                try RolloutDataset(
                    rows, answerColumn: answerColumn, longest: configuration.data.cutoffLen)
            }
            let showsAnswers = configuration.method.stage == .groupPolicy
            return (dataset.parts.first?.prompts ?? []).prefix(count).flatMap { prompt in
                let asked = Sample("prompt", [(tokenizer.decode(prompt.ids), false)])
                guard showsAnswers, let answer = prompt.answer else { return [asked] }
                return [asked, Sample("rightAnswer", [(answer, false)])]
            }
        }

        private func sample(_ title: String, _ example: PromptedAnswer) -> Sample {
            Sample(
                title,
                [
                    (tokenizer.decode(example.prompt), false),
                    (tokenizer.decode(example.answer), true),
                ])
        }

        /// Ids next to each other that are all learned or all not, decoded together.
        private func pieces(of ids: [Int32], labels: [Int32]) -> [Piece] {
            var pieces: [(ids: [Int32], isLearned: Bool)] = []
            for (id, label) in zip(ids, labels) {
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
}

extension DataPreview {
    /// The beginnings of documents as running text. With objectives that hide a part, what is learned is
    /// drawn anew each time, so nothing is marked.
    private static func documents(
        _ configuration: RunConfiguration, _ tokenizer: any Tokenizer, count: Int
    ) throws(TrainingError) -> [Sample] {
        let longest = configuration.data.cutoffLen
        let texts =
            configuration.data.dataset.isEmpty
            ? try shardTexts(configuration, tokenizer, count: count)
            : try corpusTexts(configuration, count: count).map { text in
                // A token of more than 16 characters is rare; a text of such is shown shorter.
                let ids = tokenizer.encode(
                    String(text.prefix(16 * longest)), addSpecialTokens: false)
                return tokenizer.decode(Array(ids.prefix(longest)))
            }
        let isCausal =
            configuration.pretraining.objective.map { $0 == .causal }
            ?? (InstructionData.kind(configuration) == .decoder)
        return texts.map { Sample(isCausal ? nil : "drawn", [($0, isCausal)]) }
    }

    /// Samples of prepared shards.
    private static func shardTexts(
        _ configuration: RunConfiguration, _ tokenizer: any Tokenizer, count: Int
    ) throws(TrainingError) -> [String] {
        guard let path = configuration.data.tokenizedPath else {
            throw .user("dataset is not set, nor tokenized_path; name the text to learn from")
        }
        do throws(CorpusError) {
            let length = configuration.data.cutoffLen
            let dataset = try TokenDataset.open(
                path, sampleTokens: length, vocabularySize: tokenizer.vocabularySize,
                verify: false)
            return try (0..<min(count, dataset.sampleCount)).map { number throws(CorpusError) in
                tokenizer.decode(try dataset.ids(number * length..<(number + 1) * length))
            }
        } catch {
            throw .corpus(error)
        }
    }

    private static func corpusTexts(
        _ configuration: RunConfiguration, count: Int
    ) throws(TrainingError) -> [String] {
        let sources: [DatasetSource]
        do throws(ConfigurationError) {
            sources = try configuration.datasetSources()
        } catch {
            throw .configuration(error)
        }
        var found: [String] = []
        do throws(CorpusError) {
            for source in sources where found.count < count {
                found += try source.selection(writing: source.textColumn)
                    .beginnings(count - found.count)
            }
        } catch {
            throw .corpus(error)
        }
        return found
    }
}
