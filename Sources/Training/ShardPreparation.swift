package import Configuration
import Datasets
package import Distributed
import Evaluation
import Files
import Foundation
import ModelFiles
package import TextData
import Tokenizers

/// What `prepare` does, from a configuration.
package struct ShardPreparation {
    /// Where the shards go.
    package let folder: String
    /// What a user should know of the settings and of how the data are read, a line each.
    package let notices: [String]
    private let preparation: CorpusPreparation
    /// What is written anew first, and where.
    private let selections: [(selection: CorpusSelection, output: String)]
    /// How documents of several datasets follow one another, where they are interleaved.
    private let mixing: InstructionSettings.Mixing
    private let probabilities: [Double]?
    private let seed: UInt64
    /// Whether what is in the folder goes first.
    private let startsAnew: Bool

    /// - Parameter localRanks: ranks on this host, which share its processors.
    package init(
        _ configuration: RunConfiguration, localRanks: Int
    ) throws(TrainingError) {
        try self.init(configuration, localRanks: localRanks, corpus: nil)
    }

    /// - Parameter corpus: text to evaluate on; `nil` prepares what is learned.
    init(
        _ configuration: RunConfiguration, localRanks: Int, corpus: EvaluationCorpus?
    ) throws(TrainingError) {
        do throws(ConfigurationError) {
            try configuration.validateFiles()
        } catch {
            throw .configuration(error)
        }
        guard let folder = corpus?.folder ?? configuration.data.tokenizedPath else {
            throw .user("tokenized_path is not set; name the folder for the shards")
        }
        guard let path = configuration.model.tokenizerNameOrPath else {
            throw .user(
                "neither tokenizer_name_or_path nor model_name_or_path is set; name the folder "
                    + "of the tokenizer")
        }
        let tokenizer = try Self.tokenizer(configuration, path)
        let sources = try Self.sources(configuration, corpus)
        let encoder = try TokenEncoder(configuration, tokenizer, path: path)
        let settings = Self.settings(configuration, sources, localRanks: localRanks)
        self.folder = folder
        seed = UInt64(configuration.train.seed)
        notices = (corpus == nil ? configuration.notices : []) + sources.compactMap(\.notice)
        let data = configuration.data
        mixing = data.mixStrategy
        probabilities = data.interleaveProbabilities.isEmpty ? nil : data.interleaveProbabilities
        startsAnew = data.overwriteCache
        let inputs: [String]
        (inputs, selections) = Self.inputs(
            of: sources, in: folder, column: settings.textField,
            areMixed: mixing != .concat && sources.count > 1)
        preparation = CorpusPreparation(
            inputs: inputs, output: folder, encoder: encoder, settings: settings)
    }

    private static func tokenizer(
        _ configuration: RunConfiguration, _ path: String
    ) throws(TrainingError) -> any Tokenizer {
        if ModelSource.isGGUF(path) || configuration.model.mayGrowVocabulary {
            return try ofModelFiles { () throws(ModelFileError) in
                try RunTokenizer(configuration).tokenizer()
            }
        }
        do throws(TokenizerError) {
            return try TokenizerFolder.load(path)
        } catch {
            throw .tokenizer(error)
        }
    }

    private static func sources(
        _ configuration: RunConfiguration, _ corpus: EvaluationCorpus?
    ) throws(TrainingError) -> [DatasetSource] {
        do throws(ConfigurationError) {
            guard let corpus else { return try configuration.datasetSources() }
            return try configuration.evalDatasetSources(of: corpus.datasets)
        } catch {
            throw .configuration(error)
        }
    }

    private static func settings(
        _ configuration: RunConfiguration, _ sources: [DatasetSource], localRanks: Int
    ) -> CorpusSettings {
        var settings = CorpusSettings()
        settings.textField =
            sources.first { !$0.isText }?.textColumn ?? configuration.data.textColumn
        settings.threads =
            configuration.data.preprocessingNumWorkers ?? configuration.compute.threadsPerRank
            ?? max(1, Machine.allowedProcessors() / localRanks)
        return settings
    }

    /// What the shards are made of: sources as they are, and what is written anew of others.
    ///
    /// - Parameters:
    ///   - column: the column that records have their text in.
    ///   - areMixed: documents of all sources follow one another in one file.
    private static func inputs(
        of sources: [DatasetSource], in folder: String, column: String, areMixed: Bool
    ) -> (inputs: [String], selections: [(selection: CorpusSelection, output: String)]) {
        var inputs: [String] = []
        var selections: [(selection: CorpusSelection, output: String)] = []
        for (number, source) in sources.enumerated() {
            guard areMixed || source.needsSelection(besides: column) else {
                inputs.append(source.path)
                continue
            }
            let output = folder + "/.selected-\(areMixed ? 0 : number).jsonl"
            selections.append((source.selection(writing: column), output))
            if inputs.last != output { inputs.append(output) }
        }
        return (inputs, selections)
    }

    /// Writes the shards that are not there yet, each rank its share. Collective.
    ///
    /// - Parameter progress: called by one thread at a time.
    /// - Returns: what the folder holds, on rank 0, and what this rank did.
    package func run(
        over communicator: any Communicator,
        progress: @escaping @Sendable (PreparationProgress) -> Void = { _ in }
    ) throws(TrainingError) -> (manifest: CorpusManifest?, report: PreparationReport) {
        let isNew = !FileManager.default.fileExists(atPath: folder)
        // What is written anew is among the inputs; without it, a mistake in them is found before
        // anything is made.
        var plan = selections.isEmpty ? try self.plan(communicator) : nil
        // Only empty folders that were made for the lock go with it: a mistake found at once leaves
        // nothing behind.
        let lock = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            communicator.rank == 0 ? try FolderLock.taking(folder, as: "tokenized_path") : nil
        }
        defer { lock?.release() }
        if startsAnew {
            try agree(communicator) { () throws(CorpusError) in
                if communicator.rank == 0 { try preparation.clear() }
            }
        }
        let work: CorpusPlan
        let report: PreparationReport
        do throws(TrainingError) {
            if plan == nil {
                try agree(communicator) { () throws(CorpusError) in
                    if communicator.rank == 0 { try writeSelections() }
                }
                plan = try self.plan(communicator)
            }
            guard let plan else { throw .corpus(.emptyCorpus(folder)) }
            work = plan
            report = try agree(communicator) { () throws(CorpusError) in
                try preparation.run(
                    work, rank: communicator.rank, ranks: communicator.size, progress: progress)
            }
        } catch {
            if communicator.rank == 0, isNew {
                for (_, output) in selections { unlink(output) }
            }
            throw error
        }
        let manifest = try agree(communicator) { () throws(CorpusError) in
            communicator.rank == 0 ? try preparation.finish(work) : nil
        }
        return (manifest, report)
    }

    private func writeSelections() throws(CorpusError) {
        guard !selections.isEmpty else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .system(call: "mkdir", code: errno, file: folder)
        }
        if mixing != .concat, selections.count > 1 {
            try CorpusSelection.write(
                selections.map(\.selection), mixedTo: selections[0].output, mixing, probabilities,
                seed: seed)
        } else {
            try CorpusSelection.write(selections, seed: seed)
        }
    }

    private func plan(_ communicator: any Communicator) throws(TrainingError) -> CorpusPlan {
        try agree(communicator) { () throws(CorpusError) in try preparation.plan() }
    }

    @discardableResult
    private func agree<Result>(
        _ communicator: any Communicator, _ body: () throws(CorpusError) -> Result
    ) throws(TrainingError) -> Result {
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            do throws(CorpusError) {
                return try body()
            } catch {
                throw .corpus(error)
            }
        }
    }
}
