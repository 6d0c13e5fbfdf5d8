import Configuration
import Datasets
import Distributed
import Evaluation
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension StageData {
    /// Texts with their labels, encoded. Collective.
    static func labels(
        _ objective: LabelObjective, _ context: StageContext
    ) throws(TrainingError) -> StageData {
        let read = try RankAgreement.onAllRanks(context.communicator) {
            () throws(TrainingError) in try LabelData(objective.head.plan, context)
        }
        let (configuration, communicator) = (context.configuration, context.communicator)
        let plan = objective.head.plan
        if plan.kind == .span { return answers(objective, read, context) }
        let held = read.heldOut.map { part in
            let samples = LabeledSamples(part.examples)
            let trials = objective.trials(
                of: MadeHeldOutBatches(
                    samples: samples.count, rank: communicator.rank, ranks: communicator.size,
                    batch: configuration.evaluation.perDeviceEvalBatchSize, make: samples.batch))
            return (name: part.name, trials: trials, report: LabelReport(plan, part.examples))
        }
        var stage = StageData(
            data: read.data(configuration, ranks: communicator.size),
            tokenizerFiles: context.text.files,
            steps: { start in
                guard !read.training.isEmpty else { return nil }
                let samples = LabeledSamples(read.training)
                return objective.steps(
                    from: MadeBatches(
                        read.order(configuration, ranks: communicator.size), start.partition,
                        startPosition: start.samples, make: samples.batch))
            },
            trials: held.map { part in
                NamedTrials(
                    name: part.name, trials: part.trials,
                    figures: { rows, _ in part.report.figures(rows) })
            })
        if configuration.method.doPredict { stage.predictor = LabelPredictor(held) }
        return stage
    }
}

/// The labelled texts of a run.
struct LabelData {
    let training: [LabeledExample]
    let heldOut: [(name: String?, examples: [LabeledExample])]
    /// Of answers: the questions of each part held out.
    let questions: [[HeldOutQuestion]]
    private let files: [String]
    private let notes: [String]

    init(_ plan: TaskPlan, _ context: StageContext) throws(TrainingError) {
        let configuration = context.configuration
        let settings = LabelTask.settings(configuration, threads: context.threads)
        let encoding = try RowEncoder(plan, context)
        var questions: [[HeldOutQuestion]] = []
        var training: [LabeledExample] = []
        var heldOut: [(name: String?, examples: [LabeledExample])] = []
        do throws(ConversationError) {
            let rows = try LabeledRows(settings)
            var report = rows.report
            for part in rows.parts {
                let (examples, asked) = try encoding.examples(
                    part, threads: settings.data.threads, isStrict: settings.data.isStrict,
                    &report)
                if plan.kind == .span, !part.isLearned { questions.append(asked) }
                if part.isLearned {
                    training = examples
                } else {
                    try Self.check(examples, configuration)
                    heldOut.append((part.name, examples))
                }
            }
            files = rows.files
            let held = heldOut.reduce(0) { $0 + $1.examples.count }
            notes = report.lines + [Self.note(plan, training, heldOut: held)]
        } catch {
            throw .conversation(error)
        }
        self.training = training
        self.heldOut = heldOut
        self.questions = questions
    }

    /// Encodes the rows of any task.
    private enum RowEncoder {
        case labels(LabelEncoding)
        case questions(QuestionEncoding)

        init(_ plan: TaskPlan, _ context: StageContext) throws(TrainingError) {
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
            if let end = model.taskHead?.endToken,
                tokenizer.encode("a", addSpecialTokens: true).last != end
            {
                throw .user(
                    "labels of a text are said of the state at its end, token \(end) (eos_token_id in "
                        + "config.json), with which the tokenizer ends no text; give the model's own "
                        + "tokenizer")
            }
            let hasTypes = model.description.tokenTypes > 1
            if plan.kind == .span {
                self = .questions(
                    QuestionEncoding(
                        tokenizer, longest: configuration.data.cutoffLen,
                        stride: configuration.questions.docStride, hasTypes: hasTypes))
            } else {
                self = .labels(
                    LabelEncoding(
                        tokenizer, LabelNames(plan), longest: configuration.data.cutoffLen,
                        labelsAllTokens: configuration.labels.labelsAllTokens, hasTypes: hasTypes))
            }
        }

        /// Some rows' examples, and of questions that are held out what finds their answers.
        func examples(
            _ part: LabeledRows.Part, threads: Int, isStrict: Bool,
            _ report: inout InstructionReport
        ) throws(ConversationError) -> ([LabeledExample], [HeldOutQuestion]) {
            switch self {
            case .labels(let encoding):
                let examples = try encoding.examples(
                    part, threads: threads, isStrict: isStrict, &report)
                return (examples, [])
            case .questions(let encoding):
                let encoded = try encoding.questions(
                    part, threads: threads, isStrict: isStrict, &report)
                let questions = try part.isLearned ? [] : LabelData.checked(encoded)
                return (encoded.flatMap(\.examples), questions)
            }
        }
    }

    /// Refuses to try a model on rows of which none says its label.
    private static func check(
        _ heldOut: [LabeledExample], _ configuration: RunConfiguration
    ) throws(ConversationError) {
        let evaluation = configuration.evaluation
        let tries =
            configuration.method.doEval || evaluation.evalOnStart || evaluation.evalStrategy != .no
        guard !tries || heldOut.contains(where: \.isLabelled) else {
            throw .setting(
                name: "do_eval", found: "no label in the rows held out",
                expected: "rows with labels, or do_predict alone")
        }
    }

    private static func note(
        _ plan: TaskPlan, _ training: [LabeledExample], heldOut: Int
    ) -> String {
        let names = plan.labels.prefix(12).joined(separator: ", ")
        let of =
            plan.kind == .span
            ? "answers are parts of contexts"
            : plan.problem == .regression
                ? "labels are numbers"
                : "\(plan.outputs) labels: \(names)" + (plan.outputs > 12 ? ", …" : "")
        return "data: \(training.count) \(plan.kind == .span ? "windows" : "texts") of "
            + "\(tokens(training)) tokens, \(heldOut) held out; \(of)"
    }

    private static func tokens(_ examples: [LabeledExample]) -> Int {
        examples.reduce(0) { $0 + $1.ids.count }
    }

    /// Which texts a step takes.
    func order(_ configuration: RunConfiguration, ranks: Int) -> TrainingSamples {
        configuration.order(of: LabeledSamples(training), ranks: ranks)
    }

    func data(_ configuration: RunConfiguration, ranks: Int) -> SessionData {
        SessionData(
            training: training.isEmpty ? nil : .samples(order(configuration, ranks: ranks)),
            trainingCount: training.count,
            evaluation: heldOut.map {
                HeldOutSamples(name: $0.name, samples: LabeledSamples($0.examples))
            },
            sampleTokens: configuration.data.cutoffLen, datasetTokens: Self.tokens(training),
            content: SessionData.content(labels: training.map { $0.ids + $0.label.numbers }),
            files: files.isEmpty ? nil : SessionData.files(files), notes: notes)
    }
}

extension ExampleLabel {
    /// The label as numbers, for a fingerprint.
    fileprivate var numbers: [Int32] {
        switch self {
        case .none: []
        case .one(let label): [label]
        case .numbers(let numbers): numbers.map { Int32(bitPattern: $0.bitPattern) }
        case .each(let labels): labels
        case .span(let start, let end): [start, end]
        }
    }
}
