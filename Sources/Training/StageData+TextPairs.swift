import Configuration
import Distributed
import Evaluation
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension StageData {
    /// Pairs of texts from shards that say where sentences end. Collective.
    static func textPairs(
        _ objective: MaskedTextPairs, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let read = try RankAgreement.onAllRanks(context.communicator) {
            () throws(TrainingError) in try TextPairData(objective, context)
        }
        let (configuration, communicator) = (context.configuration, context.communicator)
        let training = read.training
        return StageData(
            data: read.data(configuration), tokenizerFiles: context.text.files,
            steps: { start in
                objective.steps(
                    from: MadeBatches(
                        read.order(configuration), start.partition, startPosition: start.samples,
                        make: training.batch))
            },
            trials: read.heldOut.map { part in
                NamedTrials(
                    name: part.name,
                    trials: objective.trials(
                        of: MadeHeldOutBatches(
                            samples: part.samples.count, rank: communicator.rank,
                            ranks: communicator.size,
                            batch: configuration.evaluation.perDeviceEvalBatchSize,
                            make: part.samples.batch)))
            })
    }
}

/// The pairs of a run.
private struct TextPairData {
    let training: TextPairSamples
    let heldOut: [(name: String?, samples: TextPairSamples)]
    private let dataset: TokenDataset

    init(
        _ objective: MaskedTextPairs, _ context: StageContext
    ) throws(TrainingError) {
        let (configuration, model) = (context.configuration, context.model)
        let spaced = try objective.masked.read(context.text, configuration)
        // A pair's special tokens are masked around like the rest of it.
        objective.masked.masking.framing = 0
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in
            try context.text.tokenizer()
        }
        let path = configuration.model.tokenizerNameOrPath ?? ""
        let marks = try SentenceText(tokenizer, path: path)
        guard let frame = tokenizer.postProcessor.pair else {
            throw .user(
                "objective: mlm+nsp: the tokenizer \(path) does not say what stands around a pair "
                    + "of texts (post_processor in tokenizer.json)")
        }
        let form = PairForm(
            frame: frame, length: configuration.data.cutoffLen,
            shortShare: configuration.pretraining.shortSeqProb,
            seed: UInt64(configuration.train.seed))
        guard form.budget > 1 else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected room for two tokens "
                    + "beside the special ones of a pair")
        }
        let size = spaced.map { 2 * $0 } ?? model.description.vocabularySize
        func open(_ path: String) throws(TrainingError) -> (TokenDataset, SentencePairs) {
            do throws(CorpusError) {
                let dataset = try TokenDataset.open(path, sampleTokens: 1, vocabularySize: size)
                return (dataset, try form.pairs(dataset, marks))
            } catch {
                throw .corpus(error)
            }
        }
        guard let shards = configuration.data.tokenizedPath else {
            throw .user(
                "tokenized_path is not set; a pretraining run reads the shards that "
                    + "`lockstep prepare` writes there")
        }
        let (dataset, pairs) = try open(shards)
        self.dataset = dataset
        try Self.check(dataset, pairs, marks, spaced)
        if let hash = dataset.tokenizerHash {
            try TrainingSession.checkTokenizer(
                context.text.files, hash: hash, of: dataset, configuration)
        }
        let split: HeldOutSplit
        do {
            split = try HeldOutSplit(
                count: pairs.pairs.count, valSize: configuration.data.valSize,
                seed: UInt64(configuration.train.dataSeed))
        } catch {
            throw .corpus(error)
        }
        training = TextPairSamples(dataset, pairs, frame, split, part: .training)
        let held = TextPairSamples(dataset, pairs, frame, split, part: .heldOut)
        guard held.count == 0 else {
            heldOut = [(nil, held)]
            return
        }
        var parts: [(name: String?, samples: TextPairSamples)] = []
        for corpus in EvaluationCorpus.all(configuration) {
            let (dataset, pairs) = try open(corpus.folder)
            try Self.check(dataset, pairs, marks, spaced)
            parts.append((corpus.name, TextPairSamples(dataset, pairs, frame)))
        }
        heldOut = parts
    }

    /// Refuses shards that do not say where sentences end, and texts that cannot be paired.
    private static func check(
        _ dataset: TokenDataset, _ pairs: SentencePairs, _ marks: SentenceText, _ spaced: Int?
    ) throws(TrainingError) {
        guard dataset.endOfText == marks.documentEnd else {
            throw .user(
                "objective: mlm+nsp: the shards in \(dataset.path) do not say where sentences end; "
                    + "run `lockstep prepare` again with objective: mlm+nsp")
        }
        guard spaced == nil || dataset.vocabularySize == spaced.map({ 2 * $0 }) else {
            throw .user(
                "whole_word_mask: the shards in \(dataset.path) do not say where words begin; run "
                    + "`lockstep prepare` again with whole_word_mask: true")
        }
        guard pairs.documents > 1 else {
            throw .user(
                "objective: mlm+nsp takes second texts from other documents, but the shards in "
                    + "\(dataset.path) hold \(pairs.documents); give records, several files, or text "
                    + "with an empty line between documents")
        }
    }

    func order(_ configuration: RunConfiguration) -> TrainingSamples {
        TrainingSamples(
            training, seed: UInt64(configuration.train.dataSeed),
            shuffled: !configuration.data.disableShuffling)
    }

    func data(_ configuration: RunConfiguration) -> SessionData {
        let held = heldOut.reduce(0) { $0 + $1.samples.count }
        return SessionData(
            training: .samples(order(configuration)), trainingCount: training.count,
            evaluation: heldOut.map { HeldOutSamples(name: $0.name, samples: $0.samples) },
            sampleTokens: configuration.data.cutoffLen, datasetTokens: dataset.tokenCount,
            content: String(dataset.contentHash, radix: 16), files: nil,
            notes: [
                "data \(dataset.path): \(dataset.tokenCount) tokens, \(training.count) pairs of "
                    + "texts of at most \(configuration.data.cutoffLen), \(held) held out"
            ])
    }
}
