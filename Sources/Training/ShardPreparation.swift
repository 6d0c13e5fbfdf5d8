package import Distributed
import Files
import Foundation
package import TextData

/// What `prepare` does, from a configuration.
package struct ShardPreparation {
    /// Where the shards go.
    package let folder: String
    private let preparation: CorpusPreparation
    /// Whether what is in the folder goes first.
    private let startsAnew: Bool

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
        if path.lowercased().hasSuffix(".gguf") {
            tokenizer = try RunTokenizer(configuration).tokenizer()
        } else {
            do throws(TokenizerError) {
                tokenizer = try TokenizerFolder.load(path)
            } catch {
                throw .tokenizer(error)
            }
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
        self.folder = folder
        startsAnew = configuration.data.overwriteCache
        preparation = CorpusPreparation(
            inputs: sources.map(\.path), output: folder, encoder: encoder, settings: settings)
    }

    /// Writes the shards that are not there yet, each rank its share. Collective.
    ///
    /// - Parameter progress: called by one thread at a time.
    /// - Returns: what the folder holds, on rank 0, and what this rank did.
    package func run(
        over communicator: any Communicator,
        progress: @escaping @Sendable (PreparationProgress) -> Void = { _ in }
    ) throws(TrainingError) -> (manifest: CorpusManifest?, report: PreparationReport) {
        let plan = try agree(communicator) { () throws(CorpusError) in try preparation.plan() }
        // Only empty folders that were made for the lock go with it: a mistake found at once leaves
        // nothing behind.
        let lock = try RankAgreement.all(communicator) { () throws(TrainingError) in
            communicator.rank == 0 ? try FolderLock.taking(folder, as: "tokenized_path") : nil
        }
        defer { lock?.release() }
        if startsAnew {
            try agree(communicator) { () throws(CorpusError) in
                if communicator.rank == 0 { try preparation.clear() }
            }
        }
        let report = try agree(communicator) { () throws(CorpusError) in
            try preparation.run(
                plan, rank: communicator.rank, ranks: communicator.size, progress: progress)
        }
        let manifest = try agree(communicator) { () throws(CorpusError) in
            communicator.rank == 0 ? try preparation.finish(plan) : nil
        }
        return (manifest, report)
    }

    @discardableResult
    private func agree<Result>(
        _ communicator: any Communicator, _ body: () throws(CorpusError) -> Result
    ) throws(TrainingError) -> Result {
        try RankAgreement.all(communicator) { () throws(TrainingError) in
            do throws(CorpusError) {
                return try body()
            } catch {
                throw .corpus(error)
            }
        }
    }
}
