import Configuration
import Datasets
import Distributed
import Evaluation
import ModelFiles
import Models
import Objectives
import Templates
import TextData

extension StageData {
    /// Pairs of answers, encoded, and what the reference gives them. Collective.
    static func pairs(
        _ objective: PairPreference, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let read = try PreferenceData<EncodedPair>(context, for: .pairs) {
            (rows, cutoff) throws(ConversationError) in
            try PreferenceDataset(pairs: rows, cutoff: cutoff)
        }
        var stage = read.stage(objective, context)
        stage.plot(PreferenceFigure.accuracy, context)
        if objective.needsReference {
            stage.reference = try ReferenceStage(read.answers, context)
            objective.reference = stage.reference?.scores
        }
        return stage
    }

    /// Pairs of answers, encoded, for scores. Collective.
    static func ranking(
        _ objective: PairRanking, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let read = try PreferenceData<EncodedPair>(context, for: .pairs) {
            (rows, cutoff) throws(ConversationError) in
            try PreferenceDataset(pairs: rows, cutoff: cutoff)
        }
        var stage = read.stage(objective, context)
        stage.plot(PreferenceFigure.pairAccuracy, context)
        if context.configuration.method.doPredict {
            stage.predictor = RankingPredictor(
                stage.trials.map { (name: $0.name, trials: $0.trials) })
        }
        return stage
    }

    /// Which head a reward model has.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where a run that learns nothing finds none.
    static func rewardPurpose(
        _ configuration: RunConfiguration, _ source: ModelSource
    ) throws(TrainingError) -> ModelPurpose {
        let adapters = try ofModelFiles { () throws(ModelFileError) in
            try AdapterSetup.folders(
                configuration.adapter.adapterNameOrPath,
                over: configuration.model.modelNameOrPath ?? ""
            ).map(\.path)
        }
        let purpose = try ofModelFiles { () throws(ModelFileError) in
            try source.rewardPurpose(adapters: adapters)
        }
        guard !configuration.method.doTrain, purpose.task?.isValueHead == true else {
            return purpose
        }
        let own = try ofModelFiles { () throws(ModelFileError) in
            try source.ownPurpose(adapters: adapters)
        }
        guard own == purpose else {
            throw .user(
                "stage: rm with do_train: false tries a reward model, but "
                    + "'\(adapters.last ?? configuration.model.modelNameOrPath ?? "")' has no "
                    + "\(ValueHeadFile.fileName) and is no …ForSequenceClassification with one "
                    + "label; give one that stage: rm has trained")
        }
        return purpose
    }

    /// Answers with tags, encoded, and what the reference gives them. Collective.
    static func judgedAnswers(
        _ objective: AnswerDesirability, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let read = try PreferenceData<JudgedExample>(context, for: .judgedAnswers) {
            (rows, cutoff) throws(ConversationError) in
            try PreferenceDataset(judged: rows, cutoff: cutoff)
        }
        var stage = read.stage(objective, context)
        stage.plot(PreferenceFigure.chosen, context)
        stage.reference = try ReferenceStage(read.answers, context)
        objective.reference = stage.reference?.scores
        return stage
    }
}

extension AnswerDesirability {
    convenience init(_ model: any LanguageModel, _ section: PreferenceSection) {
        var loss = DesirabilityLoss()
        loss.beta = section.beta
        loss.desirableWeight = section.desirableWeight
        loss.undesirableWeight = section.undesirableWeight
        loss.answerWeight = section.answerWeight
        self.init(model, loss)
    }
}

extension PairPreference {
    convenience init(_ model: any LanguageModel, _ section: PreferenceSection) {
        var loss = PairLoss()
        loss.form =
            switch section.loss {
            case .sigmoid: .sigmoid
            case .hinge: .hinge
            case .ipo: .ipo
            case .ktoPair: .ktoPair
            case .orpo: .orpo
            case .simpo: .simpo
            }
        loss.beta = section.beta
        loss.smoothing = section.labelSmoothing
        loss.margin = section.margin
        loss.answerWeight = section.answerWeight
        loss.classifierWeight = section.classifierWeight
        self.init(model, loss, lengthWeight: section.lengthWeight ?? 1)
    }
}

/// The preferences of a run, encoded.
struct PreferenceData<Example: PreferenceExample> {
    private let dataset: PreferenceDataset<Example>
    private let writing: UncutWriting
    private let cutoff: Int

    /// Reads and encodes what the configuration names. Collective.
    ///
    /// - Parameters:
    ///   - use: what rows hold.
    ///   - encode: makes examples of rows, of at most so many tokens.
    init(
        _ context: StageContext, for use: DatasetUse,
        encode: (InstructionRows, Int) throws(ConversationError) -> PreferenceDataset<Example>
    ) throws(TrainingError) {
        // Prompts and answers are cut together once all of them are known.
        writing = try UncutWriting(context, for: use)
        let rows = try writing.rows(context)
        cutoff = context.configuration.data.cutoffLen
        let cutoff = cutoff
        dataset = try RankAgreement.onAllRanks(context.communicator) {
            () throws(TrainingError) in
            try ofConversations { () throws(ConversationError) in try encode(rows, cutoff) }
        }
    }

    /// The answers of each example, by its number.
    var answers: [[PromptedAnswer]] { dataset.parts.flatMap { $0.examples.map(\.answers) } }

    private func samples(_ part: PreferenceDataset<Example>.Part) -> PreferenceSamples<Example> {
        PreferenceSamples(part.examples, first: part.first, longest: cutoff)
    }

    private var training: PreferenceSamples<Example> {
        dataset.parts.first(where: \.isLearned).map(samples)
            ?? PreferenceSamples([], first: 0, longest: cutoff)
    }

    private var heldOut: [(name: String?, samples: PreferenceSamples<Example>)] {
        dataset.parts.filter { !$0.isLearned }.map { ($0.name, samples($0)) }
    }

    /// What an objective learns and is tried on.
    func stage<O: Objective>(_ objective: O, _ context: StageContext) -> StageData
    where O.Batch == Example.Batch {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let training = training
        let order =
            training.count > 0 ? order(configuration, ranks: communicator.size) : nil
        return StageData(
            data: data(configuration, order), tokenizerFiles: writing.tokenizerFiles,
            steps: { start in
                guard let order else { return nil }
                return objective.steps(
                    from: MadeBatches(
                        order, start.partition, startPosition: start.samples, make: training.batch))
            },
            trials: heldOut.map { part in
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

    private func order(_ configuration: RunConfiguration, ranks: Int) -> TrainingSamples {
        configuration.order(of: training, ranks: ranks)
    }

    private func data(
        _ configuration: RunConfiguration, _ order: TrainingSamples?
    ) -> SessionData {
        let examples = training.examples
        let tokens = examples.reduce(0) { sum, example in
            example.answers.reduce(sum) { $0 + $1.ids.count }
        }
        let held = heldOut.reduce(0) { $0 + $1.samples.count }
        let what = writing.settings.use == .pairs ? "pairs of answers" : "answers with tags"
        var notes = [writing.notice].compactMap { $0 } + dataset.report.lines
        notes.append(
            "data \(writing.names): \(examples.count) \(what) of \(tokens) tokens "
                + "with their prompts, \(held) held out; template \(writing.encoder.format.name)")
        notes += firstExample
        return SessionData(
            training: order.map(TrainingData.samples), trainingCount: examples.count,
            evaluation: heldOut.map { HeldOutSamples(name: $0.name, samples: $0.samples) },
            sampleTokens: cutoff, datasetTokens: tokens,
            // Prompts do not count, for a template may put the day's date there.
            content: SessionData.content(
                labels: examples.lazy.map { $0.answers.flatMap(\.answer) + [$0.tag] }),
            files: writing.files,
            notes: notes)
    }

    /// The first example as it is read, decoded.
    private var firstExample: [String] {
        guard let example = training.examples.first else { return [] }
        let texts = example.answers.map { writing.encoder.tokenizer.decode($0.answer) }
        let prompt = example.answers.first.map { writing.encoder.tokenizer.decode($0.prompt) } ?? ""
        let titles =
            writing.settings.use == .pairs ? ["chosen", "rejected"] : ["answer", "mismatch"]
        let lines =
            ["training example:", "prompt:", prompt]
            + zip(titles, texts).flatMap { ["\($0):", $1] }
        return lines.flatMap { $0.split(separator: "\n").map(String.init) }
    }
}
