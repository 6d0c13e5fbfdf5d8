import Configuration
import Distributed
import Evaluation
import Masking
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
            data: read.data(configuration, ranks: communicator.size),
            tokenizerFiles: context.text.files,
            steps: { start in
                objective.steps(
                    from: MadeBatches(
                        read.order(configuration, ranks: communicator.size), start.partition,
                        startPosition: start.samples,
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
        let configuration = context.configuration
        guard let path = configuration.data.tokenizedPath else {
            throw .user(
                "tokenized_path is not set; a pretraining run reads the shards that "
                    + "`lockstep prepare` writes there")
        }
        let reader = try TextPairReader(objective, context)
        let (dataset, pairs) = try reader.open(path)
        self.dataset = dataset
        if let hash = dataset.tokenizerHash {
            try TrainingSession.checkTokenizer(
                context.text.files, hash: hash, of: dataset, configuration)
        }
        let split: HeldOutSplit
        do throws(CorpusError) {
            split = try HeldOutSplit(
                count: pairs.pairs.count, valSize: configuration.data.valSize,
                seed: UInt64(configuration.train.dataSeed))
        } catch {
            throw .corpus(error)
        }
        training = TextPairSamples(dataset, pairs, reader.frame, split, part: .training)
        let held = TextPairSamples(dataset, pairs, reader.frame, split, part: .heldOut)
        var parts: [(name: String?, samples: TextPairSamples)] = held.count > 0 ? [(nil, held)] : []
        for corpus in EvaluationCorpus.all(configuration) {
            let (dataset, pairs) = try reader.open(corpus.folder)
            parts.append((corpus.name, TextPairSamples(dataset, pairs, reader.frame)))
        }
        heldOut = parts
    }

    func order(_ configuration: RunConfiguration, ranks: Int) -> TrainingSamples {
        configuration.order(of: training, ranks: ranks, groups: false)
    }

    func data(_ configuration: RunConfiguration, ranks: Int) -> SessionData {
        let held = heldOut.reduce(0) { $0 + $1.samples.count }
        return SessionData(
            training: .samples(order(configuration, ranks: ranks)), trainingCount: training.count,
            evaluation: heldOut.map { HeldOutSamples(name: $0.name, samples: $0.samples) },
            sampleTokens: configuration.data.cutoffLen, datasetTokens: dataset.tokenCount,
            content: String(dataset.contentHash, radix: 16), files: nil,
            notes: [
                "data \(dataset.path): \(dataset.tokenCount) tokens, \(training.count) pairs of "
                    + "texts of at most \(configuration.data.cutoffLen), \(held) held out"
            ])
    }
}

/// Opens shards as pairs of texts.
private struct TextPairReader {
    /// What stands around a pair's texts.
    let frame: [PostProcessor.Part]
    private let form: PairForm
    private let marks: SentenceText
    /// The tokenizer's size, where the shards have to say where white space was.
    private let spaced: Int?
    private let size: Int

    init(
        _ objective: MaskedTextPairs, _ context: StageContext
    ) throws(TrainingError) {
        let (configuration, model) = (context.configuration, context.model)
        spaced = try objective.masked.read(context.text, configuration)
        // A pair's special tokens are in the sample.
        objective.masked.masking.framing = 0
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in
            try context.text.tokenizer()
        }
        let path = configuration.model.tokenizerNameOrPath ?? ""
        marks = try SentenceText(tokenizer, path: path)
        guard let frame = tokenizer.postProcessor.pair else {
            throw .user(
                "objective: mlm+nsp: the tokenizer \(path) does not say what stands around a pair "
                    + "of texts (post_processor in tokenizer.json)")
        }
        self.frame = frame
        form = PairForm(
            frame: frame, length: configuration.data.cutoffLen,
            shortShare: configuration.pretraining.shortSeqProb,
            seed: UInt64(configuration.train.seed))
        guard form.budget > 1 else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected room for two tokens "
                    + "beside the special ones of a pair")
        }
        size = spaced.map { 2 * $0 } ?? model.description.vocabularySize
    }

    /// - Throws: ``TrainingError`` for shards that do not say where sentences end, and texts that cannot be
    ///   paired.
    func open(_ path: String) throws(TrainingError) -> (TokenDataset, SentencePairs) {
        let dataset: TokenDataset
        do throws(CorpusError) {
            dataset = try TokenDataset.open(path, sampleTokens: 1, vocabularySize: size)
        } catch {
            throw .corpus(error)
        }
        guard dataset.endOfText == marks.documentEnd else {
            throw .user(
                "objective: mlm+nsp: the shards in \(path) do not say where sentences end; run "
                    + "`lockstep prepare` again with objective: mlm+nsp")
        }
        guard spaced == nil || dataset.vocabularySize == size else {
            throw .user(
                "whole_word_mask: the shards in \(path) do not say where words begin; run "
                    + "`lockstep prepare` again with whole_word_mask: true")
        }
        let pairs: SentencePairs
        do throws(CorpusError) {
            pairs = try form.pairs(dataset, marks)
        } catch {
            throw .corpus(error)
        }
        guard pairs.documents > 1 else {
            throw .user(
                "objective: mlm+nsp takes second texts from other documents, but the shards in "
                    + "\(path) hold \(pairs.documents); give records, several files, or text with an "
                    + "empty line between documents")
        }
        return (dataset, pairs)
    }
}
