import Autograd
import Configuration
import Datasets
import Distributed
import Evaluation
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension ContrastiveLearning {
    /// - Parameter configuration: whose pooling, or that of the model's folder, is known once the data are opened.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let contrast = configuration.contrast
        self.init(
            model, pooling: .mean,
            form: ContrastForm(
                scale: Float(1 / contrast.temperature), isSymmetric: contrast.isSymmetric,
                ownNegativeBias: Float(contrast.hardNegativeWeight)),
            masksDuplicates: contrast.masksDuplicates)
    }
}

extension StageData {
    /// Texts that belong together, encoded. Collective.
    static func contrast(
        _ objective: ContrastiveLearning, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let read = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ContrastiveData(context)
        }
        objective.pooling = read.pooling
        let batch = configuration.evaluation.perDeviceEvalBatchSize
        return StageData(
            data: read.data(configuration, ranks: communicator.size),
            tokenizerFiles: context.text.files.merging(
                read.files.texts(width: context.model.description.width)
            ) { $1 },
            steps: { start in
                guard let samples = read.samples else { return nil }
                return objective.steps(
                    from: MadeBatches(
                        read.order(configuration, ranks: communicator.size), start.partition,
                        startPosition: start.samples, make: samples.batch))
            },
            trials: read.heldOut.map { part in
                let samples = ContrastiveSamples(part.examples)
                let report = RetrievalReport(part.examples, objective, batch: batch)
                return NamedTrials(
                    name: part.name,
                    trials: objective.trials(
                        of: MadeHeldOutBatches(
                            samples: samples.count, rank: communicator.rank,
                            ranks: communicator.size, batch: batch, make: samples.batch)),
                    loss: report.loss, figures: report.figures)
            })
    }
}

/// The texts of a run that belong together.
private struct ContrastiveData {
    let training: [ContrastiveExample]
    let heldOut: [(name: String?, examples: [ContrastiveExample])]
    /// What is written beside the model.
    let files: SentenceFiles
    private let datasets: [String]
    private let notes: [String]

    init(_ context: StageContext) throws(TrainingError) {
        let (configuration, model) = (context.configuration, context.model)
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in
            try context.text.tokenizer()
        }
        guard tokenizer.vocabularySize <= model.description.vocabularySize else {
            throw .user(
                "the tokenizer has \(tokenizer.vocabularySize) tokens but the model only "
                    + "\(model.description.vocabularySize); give the model's own tokenizer, or "
                    + "set resize_vocab: true")
        }
        let pooling = configuration.contrast.pooling.map(\.ofFolders)
        files = try ofModelFiles { () throws(ModelFileError) in
            try SentenceFiles(
                of: configuration.model.modelNameOrPath ?? "", pooling: pooling,
                longest: configuration.data.cutoffLen)
        }
        var settings = LabelTask.settings(configuration, threads: context.threads)
        settings.subject = .groups
        let encoding = ContrastiveEncoding(
            try Self.reading(tokenizer, lowercases: files.lowercases),
            longest: configuration.data.cutoffLen, cutsBeginning: context.text.cutsBeginning)
        var training: [ContrastiveExample] = []
        var heldOut: [(name: String?, examples: [ContrastiveExample])] = []
        do throws(ConversationError) {
            let rows = try LabeledRows(settings)
            var report = rows.report
            for part in rows.parts {
                let examples = try encoding.examples(
                    part, threads: settings.data.threads, isStrict: settings.data.isStrict,
                    &report)
                if part.isLearned {
                    training = examples
                } else {
                    heldOut.append((part.name, examples))
                }
            }
            datasets = rows.files
            notes = report.lines + [Self.note(training, heldOut.map(\.examples), files.pooling)]
        } catch {
            throw .conversation(error)
        }
        let weight = configuration.contrast.hardNegativeWeight
        if weight != 0, let texts = training.first?.texts.count, texts < 3 {
            throw .user(
                "hard_negative_weight weighs hard negatives, but rows have an anchor and a positive "
                    + "alone; leave it out, or name columns of negatives in text_column_names")
        }
        (self.training, self.heldOut) = (training, heldOut)
    }

    /// The tokenizer as the folder's texts are read by it.
    private static func reading(
        _ tokenizer: any Tokenizer, lowercases: Bool
    ) throws(TrainingError) -> any Tokenizer {
        guard lowercases else { return tokenizer }
        do throws(TokenizerError) {
            return try tokenizer.lowercasingTexts()
        } catch {
            throw .tokenizer(error)
        }
    }

    private static func note(
        _ training: [ContrastiveExample], _ heldOut: [[ContrastiveExample]],
        _ pooling: SentencePooling
    ) -> String {
        let held = heldOut.reduce(0) { $0 + $1.count }
        let negatives = (training.first?.texts.count ?? 2) - 2
        return "data: \(training.count) anchors with a positive"
            + (negatives > 0 ? " and \(negatives) hard negatives" : "")
            + " of \(tokens(training)) tokens, \(held) held out; pooling: \(pooling.rawValue)"
    }

    private static func tokens(_ examples: [ContrastiveExample]) -> Int {
        examples.reduce(0) { $0 + $1.tokenCount }
    }

    var pooling: TextPooling { TextPooling(rawValue: files.pooling.rawValue) ?? .mean }

    /// `nil` where nothing is learned.
    var samples: ContrastiveSamples? { training.isEmpty ? nil : ContrastiveSamples(training) }

    /// Which samples a step takes.
    func order(_ configuration: RunConfiguration, ranks: Int) -> TrainingSamples {
        configuration.order(of: ContrastiveSamples(training), ranks: ranks)
    }

    func data(_ configuration: RunConfiguration, ranks: Int) -> SessionData {
        SessionData(
            training: samples.map { _ in .samples(order(configuration, ranks: ranks)) },
            trainingCount: training.count,
            evaluation: heldOut.map {
                HeldOutSamples(name: $0.name, samples: ContrastiveSamples($0.examples))
            },
            sampleTokens: configuration.data.cutoffLen, datasetTokens: Self.tokens(training),
            content: SessionData.content(labels: training.flatMap { $0.texts.map(\.ids) }),
            files: datasets.isEmpty ? nil : SessionData.files(datasets), notes: notes)
    }
}

extension ContrastiveSection.Pooling {
    fileprivate var ofFolders: SentencePooling {
        switch self {
        case .first: .first
        case .mean: .mean
        case .last: .last
        }
    }
}
