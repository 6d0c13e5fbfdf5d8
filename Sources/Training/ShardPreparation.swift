import Distributed
import Foundation
package import TextData

/// What `prepare` does, from a configuration.
package struct ShardPreparation {
    /// Where the shards go.
    package let folder: String
    private let preparation: CorpusPreparation

    /// - Parameter localRanks: ranks on this host, which share its processors.
    package init(
        _ configuration: RunConfiguration, localRanks: Int
    ) throws(TrainingError) {
        do throws(ConfigurationError) {
            try configuration.validateFiles()
        } catch {
            throw .configuration(error)
        }
        guard let folder = configuration.data.tokenizedPath else {
            throw .user("tokenized_path is not set; name the folder for the shards")
        }
        guard let path = configuration.model.tokenizerNameOrPath else {
            throw .user(
                "neither tokenizer_name_or_path nor model_name_or_path is set; name the folder "
                    + "of the tokenizer")
        }
        let tokenizer: any Tokenizer
        let sources: [DatasetSource]
        do throws(TokenizerError) {
            tokenizer = try TokenizerFolder.load(path)
        } catch {
            throw .tokenizer(error)
        }
        do throws(ConfigurationError) {
            sources = try configuration.datasetSources()
        } catch {
            throw .configuration(error)
        }
        guard let endOfText = tokenizer.endOfText else {
            throw .user(
                "the tokenizer \(path) names no end-of-text token (eos_token in "
                    + "tokenizer_config.json); documents could not be told apart")
        }
        var settings = CorpusSettings()
        settings.textField = sources.first?.textColumn ?? configuration.data.textColumn
        if let other = sources.first(where: { $0.textColumn != settings.textField }) {
            throw .user(
                "dataset \(other.name) has its text in column '\(other.textColumn)', the first "
                    + "one in '\(settings.textField)'; prepare them into folders of their own")
        }
        settings.threads =
            configuration.data.preprocessingNumWorkers
            ?? max(1, Machine.allowedProcessors() / localRanks)
        let encoder = TokenEncoder(
            endOfText: endOfText, vocabularySize: tokenizer.vocabularySize,
            tokenizerHash: tokenizer.hash
        ) { bytes in
            tokenizer.encode(utf8: Array(bytes), addSpecialTokens: false)
        }
        if configuration.data.overwriteCache { try? FileManager.default.removeItem(atPath: folder) }
        self.folder = folder
        preparation = CorpusPreparation(
            inputs: sources.map(\.path), output: folder, encoder: encoder, settings: settings)
    }

    /// Finds the files and divides the work. Writes nothing.
    package func plan() throws(TrainingError) -> CorpusPlan {
        do {
            return try preparation.plan()
        } catch {
            throw .corpus(error)
        }
    }

    /// Writes the shards of `rank` that are not there yet.
    package func run(
        _ plan: CorpusPlan, rank: Int, ranks: Int,
        progress: @escaping @Sendable (PreparationProgress) -> Void
    ) throws(TrainingError) -> PreparationReport {
        do {
            return try preparation.run(plan, rank: rank, ranks: ranks, progress: progress)
        } catch {
            throw .corpus(error)
        }
    }

    /// Completes the folder once every rank has run. For rank 0.
    package func finish(_ plan: CorpusPlan) throws(TrainingError) -> CorpusManifest {
        do {
            return try preparation.finish(plan)
        } catch {
            throw .corpus(error)
        }
    }
}
