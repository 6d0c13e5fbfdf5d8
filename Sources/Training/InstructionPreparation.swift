import Configuration
import Datasets
import Distributed
import Files
import ModelFiles
import Templates
import TextData
import Tokenizers

/// What `prepare` does with `stage: sft`: conversations, encoded, go to `tokenized_path`.
struct InstructionPreparation {
    /// Where the examples go.
    let folder: String
    /// What a user should know of the settings, a line each.
    let notices: [String]
    private let settings: InstructionSettings
    private let encoder: any ConversationEncoding
    /// Whether what is in the folder is written anew in any case.
    private let startsAnew: Bool

    /// - Parameter localRanks: ranks on this host, which share its processors.
    init(_ given: RunConfiguration, localRanks: Int) throws(TrainingError) {
        do throws(ConfigurationError) {
            try given.validateFiles()
        } catch {
            throw .configuration(error)
        }
        let configuration = try given.fittedToModel()
        guard let folder = configuration.data.tokenizedPath else {
            throw .user("tokenized_path is not set; name the folder for the examples")
        }
        self.folder = folder
        notices = configuration.notices
        startsAnew = configuration.data.overwriteCache
        let threads =
            configuration.compute.threadsPerRank ?? max(1, Machine.allowedProcessors() / localRanks)
        var settings = InstructionData.settings(configuration, threads: threads).keeping
        settings.trains = !configuration.data.dataset.isEmpty
        self.settings = settings
        let text = try ofModelFiles { () throws(ModelFileError) in
            try RunTokenizer(configuration)
        }
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        let format = try InstructionData.format(
            configuration, text, tokenizer, for: InstructionData.kind(configuration))
        encoder = try ofModelFiles { () throws(ModelFileError) in
            try ModelTemplate.encoder(format, tokenizer, settings.encoding)
        }
    }

    /// Writes the examples, unless they are there. Collective.
    ///
    /// - Parameter progress: called with the rows of this rank that are done, and all of them.
    /// - Returns: lines for the user.
    func run(
        over communicator: any Communicator, progress: (Int, Int) -> Void
    ) throws(TrainingError) -> [String] {
        let encoding = try InstructionEncoding(settings, encoder, over: communicator)
        let kept = KeptInstructions(
            folder: folder, encoder: encoder, vocabularySize: .max, communicator: communicator)
        let lock = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            communicator.rank == 0 ? try FolderLock.taking(folder, as: "tokenized_path") : nil
        }
        defer { lock?.release() }
        if try isThere(encoding.rows, communicator) {
            return notices + ["\(folder): its examples are those of this configuration already"]
        }
        let dataset = try encoding.dataset(progress: progress)
        try kept.write(dataset, of: encoding.rows)
        let tokens = (dataset.training + dataset.evaluation).reduce(0) { $0 + $1.ids.count }
        let counts = [
            (dataset.training.count, "to learn from"), (dataset.evaluation.count, "to evaluate on"),
        ].filter { $0.0 > 0 }
        return notices + dataset.report.lines + [
            "\(folder): \(counts.map { "\($0.0) examples \($0.1)" }.joined(separator: ", ")), "
                + "\(tokens) tokens of \(encoding.rows.count) rows; template "
                + "\(encoder.format.name)"
        ]
    }

    /// Whether rank 0 finds in the folder what would be written. What is damaged is written anew.
    private func isThere(
        _ rows: InstructionRows, _ communicator: any Communicator
    ) throws(TrainingError) -> Bool {
        var found = [0.0]
        if communicator.rank == 0, !startsAnew,
            let file = try? TokenizedFile.open(in: folder, idsBelow: .max), file.isOf(rows)
        {
            found = [1]
        }
        do {
            try communicator.broadcast(&found, from: 0)
        } catch {
            throw .communication(error)
        }
        return found[0] > 0
    }
}
