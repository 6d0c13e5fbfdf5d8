package import Configuration
package import TextData

/// Running text to evaluate on (`eval_dataset` with `stage: pt`), which becomes shards in
/// output_dir: all of it as one corpus, or each dataset as its own (`eval_on_each_dataset`).
package struct EvaluationCorpus {
    /// The dataset, where each is evaluated by itself.
    package let name: String?
    package let datasets: [String]
    /// Where the shards go.
    package let folder: String

    /// Those of a pretraining run, in the order of `eval_dataset`; none where it names no text.
    package static func all(_ configuration: RunConfiguration) -> [EvaluationCorpus] {
        let datasets = configuration.data.evalDataset
        guard configuration.command == .train, configuration.settings.readsRunningText,
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

    /// The samples of the shards.
    ///
    /// - Throws: ``CorpusError`` as ``TokenDataset/open(_:sampleTokens:vocabularySize:verify:)``.
    package static func open(
        _ configuration: RunConfiguration, sampleTokens: Int, vocabularySize: Int
    ) throws(CorpusError) -> [HeldOutSamples] {
        var parts: [HeldOutSamples] = []
        for corpus in all(configuration) {
            let dataset = try TokenDataset.open(
                corpus.folder, sampleTokens: sampleTokens,
                vocabularySize: vocabularySize)
            let whole = try HeldOutSplit(count: dataset.sampleCount, valSize: 0, seed: 0)
            parts.append(
                HeldOutSamples(
                    name: corpus.name, samples: ShardSamples(dataset, whole, part: .training)))
        }
        return parts
    }
}
