import Configuration
import Distributed
import Evaluation
import TextData

/// Running text to evaluate on (`eval_dataset` with `stage: pt`), which becomes shards in
/// output_dir: all of it as one corpus, or each dataset as its own (`eval_on_each_dataset`).
struct EvaluationCorpus {
    /// The dataset, where each is evaluated by itself.
    let name: String?
    let datasets: [String]
    /// Where the shards go.
    let folder: String

    /// Those of a pretraining run, in the order of `eval_dataset`; none where it names no text.
    static func all(_ configuration: RunConfiguration) -> [EvaluationCorpus] {
        let datasets = configuration.data.evalDataset
        guard configuration.command == .train, configuration.method.stage == .pretraining,
            !datasets.isEmpty,
            let output = configuration.output.outputDir
        else { return [] }
        let folder = output + "/tokenized_eval"
        guard configuration.data.evaluatesEach else {
            return [EvaluationCorpus(name: nil, datasets: datasets, folder: folder)]
        }
        return datasets.enumerated().map { number, name in
            EvaluationCorpus(name: name, datasets: [name], folder: "\(folder)_\(number + 1)")
        }
    }

    /// Turns the text into shards, those of an earlier run with the same text left alone.
    /// Collective.
    ///
    /// - Returns: lines for the user.
    static func prepare(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> [String] {
        var lines: [String] = []
        for corpus in all(configuration) {
            let preparation = try RankAgreement.onAllRanks(communicator) {
                () throws(TrainingError) in
                try ShardPreparation(
                    configuration, localRanks: communicator.localSize, corpus: corpus)
            }
            let done = try preparation.run(over: communicator)
            guard let totals = done.manifest?.totals else { continue }
            lines += preparation.notices
            lines.append(
                "\(corpus.datasets.joined(separator: ", ")): evaluated on \(totals.tokens) tokens "
                    + "of \(totals.documents) documents, in \(corpus.folder)")
        }
        return lines
    }

    /// The samples of what ``prepare(_:_:)`` has written.
    ///
    /// - Throws: ``CorpusError`` as ``TokenDataset/open(_:sampleTokens:vocabularySize:verify:)``.
    static func open(
        _ configuration: RunConfiguration, vocabularySize: Int
    ) throws(CorpusError) -> [HeldOutSamples] {
        var parts: [HeldOutSamples] = []
        for corpus in all(configuration) {
            let dataset = try TokenDataset.open(
                corpus.folder, sampleTokens: configuration.data.cutoffLen,
                vocabularySize: vocabularySize)
            let whole = try HeldOutSplit(count: dataset.sampleCount, valSize: 0, seed: 0)
            parts.append(
                HeldOutSamples(
                    name: corpus.name, samples: ShardSamples(dataset, whole, part: .training)))
        }
        return parts
    }
}
