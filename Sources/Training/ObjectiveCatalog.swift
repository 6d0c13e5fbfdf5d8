package import Configuration
import Distributed
import Evaluation
import Kernels
package import ModelFiles
package import Models
package import Objectives
import Reports
package import TextData

/// The objectives there are, each with what its batches are made of: one line each.
package struct ObjectiveCatalog: Sendable {
    private let entries: [Entry]

    package static let standard = ObjectiveCatalog([
        causal, masked, phrases, textPairs, replacedTokens, spans, denoisers, middles, blanks,
        prefixes,
        restsOfTexts, supervised, pairs, labels(of: .decoder), labels(of: .encoder),
        labels(of: .encoderDecoder), contrastive(of: .decoder), contrastive(of: .encoder),
        preferences, desirability, ranking, groupPolicy, policy,
    ])

    package init(_ entries: [Entry]) { self.entries = entries }

    /// One stage of training, without the type of its objective's batches.
    package struct Entry: Sendable {
        let stage: MethodSection.Stage
        /// Of pretraining; `nil` for any.
        let name: PretrainingSection.Objective?
        /// Which models it is for.
        let kind: ModelKind
        let make: @Sendable (RunConfiguration, any LanguageModel) -> Stage
        /// Which head the model needs, where it is not that of a language model.
        fileprivate(set) var purpose:
            (@Sendable (RunConfiguration, ModelSource) throws(TrainingError) -> ModelPurpose)?

        /// - Parameters:
        ///   - name: where it is one of several of `stage: pt`.
        ///   - kind: of the models that it is for.
        ///   - objective: may add heads to the model.
        ///   - open: opens the data as the objective's batches. Collective.
        package init<O: Objective>(
            _ stage: MethodSection.Stage, named name: PretrainingSection.Objective? = nil,
            for kind: ModelKind = .decoder,
            _ objective: @escaping @Sendable (RunConfiguration, any LanguageModel) -> O,
            open: @escaping @Sendable (O, StageContext) throws(TrainingError) -> StageData
        ) {
            self.stage = stage
            self.name = name
            self.kind = kind
            make = { configuration, model in
                let objective = objective(configuration, model)
                return Stage(objective: objective) { (context) throws(TrainingError) in
                    try open(objective, context)
                }
            }
        }

        /// The same for models with heads of their own.
        fileprivate func needing(
            _ purpose:
                @escaping @Sendable (RunConfiguration, ModelSource) throws(TrainingError) ->
                ModelPurpose
        ) -> Entry {
            var entry = self
            entry.purpose = purpose
            return entry
        }
    }

    /// Which head the stage of a run needs its model to have.
    package func purpose(
        of configuration: RunConfiguration, _ source: ModelSource
    ) throws(TrainingError) -> ModelPurpose {
        let name = configuration.pretraining.objective
        let entry = entries.first {
            $0.stage == configuration.method.stage && $0.name == name && $0.purpose != nil
        }
        return try entry?.purpose?(configuration, source) ?? .language
    }

    /// The stage of a run, for its model; where the configuration names no objective, what the model
    /// was made for.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where the model is not one that the objective is for.
    package func stage(
        of configuration: RunConfiguration, _ model: any LanguageModel
    ) throws(TrainingError) -> Stage {
        let (stage, kind) = (configuration.method.stage, model.description.kind)
        let name = configuration.pretraining.objective
        let known = entries.filter {
            $0.stage == stage && (name == nil || $0.name == nil || $0.name == name)
        }
        precondition(!known.isEmpty, "no objective for stage \(stage)")
        guard let entry = known.first(where: { $0.kind == kind }) else {
            let asked = name.map { "objective: \($0.rawValue)" } ?? "stage: \(stage.rawValue)"
            throw .user(
                "\(asked) trains \(known.map { $0.kind.rawValue }.joined(separator: " or "))s, but "
                    + "the model is a \(model.description.type) \(kind.rawValue)"
                    + Self.advice(stage, kind))
        }
        return entry.make(configuration, model)
    }

    private static func advice(_ stage: MethodSection.Stage, _ kind: ModelKind) -> String {
        switch (stage, kind) {
        case (.pretraining, .encoder): "; set objective: mlm"
        case (.pretraining, .decoder): "; set objective: clm"
        case (.pretraining, .encoderDecoder): "; set objective: span_corruption"
        case (.supervised, .encoder):
            "; answers are written by decoders, an encoder goes on with stage: pt"
        case (.supervised, .decoder), (.supervised, .encoderDecoder), (.classification, _): ""
        case (.preference, _), (.desirability, _), (.ranking, _):
            "; answers are compared by decoders"
        case (.policy, _), (.groupPolicy, _): "; texts are written by decoders"
        }
    }

    private static let causal = Entry(
        .pretraining, named: .causal,
        {
            CausalPretraining(
                $1, lossForm: $0.loss.form, computesAccuracy: $0.evaluation.computeAccuracy)
        },
        open: { objective, context throws(TrainingError) in
            objective.tokenBytes = TokenBytes(context.text)
            return try StageData.shards(objective, context)
        })

    private static let masked = hidden(.masked)
    private static let phrases = hidden(.phrases)

    private static func hidden(_ name: PretrainingSection.Objective) -> Entry {
        Entry(
            .pretraining, named: name, for: .encoder, { MaskedLanguageModeling($1, $0) },
            open: { objective, context throws(TrainingError) in
                let spaced = try objective.read(context.text, context.configuration)
                return try StageData.shards(
                    objective, context, framing: objective.before.count + objective.after.count,
                    spacedBelow: spaced)
            })
    }

    private static let textPairs = Entry(
        .pretraining, named: .maskedPairs, for: .encoder,
        { MaskedTextPairs($1, masked: MaskedLanguageModeling($1, $0)) }, open: StageData.textPairs
    ).needing { _, _ in .followingTexts }

    private static let replacedTokens = Entry(
        .pretraining, named: .replacedTokens, for: .encoder, { ReplacedTokenDetection($1, $0) },
        open: { objective, context throws(TrainingError) in
            let masked = objective.masked
            _ = try masked.read(context.text, context.configuration)
            masked.masking.unit = .draws
            return try StageData.shards(
                objective, context, framing: masked.before.count + masked.after.count)
        }
    ).needing { configuration, _ throws(TrainingError) in
        guard configuration.model.trainFromScratch else {
            throw .user(
                "objective: electra begins with drawn weights of both of its models; set "
                    + "train_from_scratch: true")
        }
        return .replacedTokens(
            GeneratorSize(share: configuration.pretraining.generatorHiddenSize))
    }

    private static let spans = Entry(
        .pretraining, named: .spanCorruption, for: .encoderDecoder,
        { SpanCorruption($1, $0) },
        open: { objective, context throws(TrainingError) in
            try objective.read(context.text, context.configuration)
            return try StageData.shards(
                objective, context,
                framing: context.configuration.data.cutoffLen - objective.spans.rawLength)
        })

    private static let denoisers = Entry(
        .pretraining, named: .denoiserMixture, for: .encoderDecoder,
        { MixtureOfDenoisers($1, $0) },
        open: { objective, context throws(TrainingError) in
            try objective.read(context.text, context.configuration)
            return try StageData.shards(
                objective, context,
                framing: context.configuration.data.cutoffLen - objective.denoisers.rawLength)
        })

    private static let middles = Entry(
        .pretraining, named: .fillInTheMiddle, { FillInTheMiddle($1, $0) },
        open: { objective, context throws(TrainingError) in
            try objective.read(context.text, context.configuration)
            return try StageData.shards(objective, context)
        })

    private static let blanks = Entry(
        .pretraining, named: .blankInfilling, { BlankInfilling($1, $0) },
        open: { objective, context throws(TrainingError) in
            try objective.read(context.text, context.configuration)
            // The token before a text.
            return try StageData.shards(objective, context, framing: 1)
        })

    private static let prefixes = Entry(
        .pretraining, named: .prefix, { PrefixLanguageModeling($1, $0) }, open: StageData.shards)

    private static let restsOfTexts = Entry(
        .pretraining, named: .prefix, for: .encoderDecoder, { PrefixLanguageModeling($1, $0) },
        open: { objective, context throws(TrainingError) in
            try objective.read(context.text, context.configuration)
            // The end behind what the encoder reads.
            return try StageData.shards(objective, context, framing: 1)
        })

    private static let supervised = Entry(
        .supervised,
        {
            SupervisedFinetuning(
                $1, lossForm: $0.loss.form, computesAccuracy: $0.evaluation.computeAccuracy)
        }, open: StageData.instructions)

    private static let pairs = Entry(
        .supervised, for: .encoderDecoder,
        {
            SequenceToSequence(
                $1, lossForm: $0.loss.form, computesAccuracy: $0.evaluation.computeAccuracy)
        }, open: StageData.instructions)

    private static func contrastive(of kind: ModelKind) -> Entry {
        Entry(
            .pretraining, named: .contrastive, for: kind, { ContrastiveLearning($1, $0) },
            open: StageData.contrast
        ).needing { _, _ in .states }
    }

    private static let preferences = Entry(
        .preference, { PairPreference($1, $0.preference) }, open: StageData.pairs)

    private static let desirability = Entry(
        .desirability, { AnswerDesirability($1, $0.preference) }, open: StageData.judgedAnswers)

    private static let ranking = Entry(
        .ranking, { PairRanking($1) }, open: StageData.ranking
    ).needing { configuration, source throws(TrainingError) in
        try StageData.rewardPurpose(configuration, source)
    }

    private static let groupPolicy = Entry(
        .groupPolicy, { GroupPolicy($1, $0) }, open: StageData.groupPolicy)

    private static let policy = Entry(
        .policy, { ProximalPolicy($1) }, open: StageData.policy
    ).needing { _, _ in .task(.valueHead) }

    private static func labels(of kind: ModelKind) -> Entry {
        Entry(
            .classification, for: kind, { LabelObjective($1) }, open: StageData.labels
        ).needing { configuration, source throws(TrainingError) in
            .task(try LabelTask.plan(configuration, source))
        }
    }
}

/// An objective and its data, which are not open yet.
package struct Stage {
    package let objective: any Objective
    let open: (StageContext) throws(TrainingError) -> StageData
}

/// What a stage needs to open its data.
package struct StageContext {
    let configuration: RunConfiguration
    let text: RunTokenizer
    /// The run's model, without memory yet, and what finetuning adds to it.
    let setup: ModelSetup
    let threads: Int
    /// Of the run, for stages that use the model before they learn.
    let workspace: Workspace
    let communicator: any Communicator

    var model: any LanguageModel { setup.model }
}

/// What a stage reads, opened.
package struct StageData {
    package let data: SessionData
    package let tokenizerFiles: [String: String]
    /// The steps from where a run is; `nil` where nothing is learned.
    package let steps: (StepStart) -> (any StepSource)?
    /// What is held out, in the parts that are evaluated by themselves; empty where nothing is.
    let trials: [NamedTrials]
    /// What predicts the held-out samples, in a run that does.
    var predictor: (any HeldOutPredictor)?
    /// What is to be computed with the weights that the run begins with; `nil` for nothing.
    var reference: ReferenceStage?
    /// Called once the run's model has the numbers that it begins with. Collective.
    var begin: (ModelSetup) throws(TrainingError) -> Void = { _ in }
    /// Who watches the run besides the standard ones, on rank 0.
    var observers: [any TrainingObserver] = []

    init(
        data: SessionData, tokenizerFiles: [String: String],
        steps: @escaping (StepStart) -> (any StepSource)?, trials: [NamedTrials]
    ) {
        self.data = data
        self.tokenizerFiles = tokenizerFiles
        self.steps = steps
        self.trials = trials
    }

    /// The shards that `prepare` wrote, for an objective of their tokens. Collective.
    package static func shards<O: Objective>(
        _ objective: O, _ context: StageContext
    ) throws(TrainingError) -> StageData where O.Batch == TokenBatch {
        try shards(objective, context, framing: 0)
    }

    /// - Parameters:
    ///   - framing: by how much a sample's tokens are fewer than `cutoff_len`.
    ///   - spaced: the tokenizer's size, where the shards say where white space was.
    static func shards<O: Objective>(
        _ objective: O, _ context: StageContext, framing: Int, spacedBelow spaced: Int? = nil
    ) throws(TrainingError) -> StageData where O.Batch == TokenBatch {
        let data = try RankAgreement.onAllRanks(context.communicator) { () throws(TrainingError) in
            try TrainingSession.openShards(
                context.configuration, model: context.model, tokenizerFiles: context.text.files,
                ranks: context.communicator.size, framing: framing, spacedBelow: spaced)
        }
        return StageData(objective, data, tokenizerFiles: context.text.files, context)
    }

    /// Conversations, encoded. Collective.
    static func instructions<O: Objective>(
        _ objective: O, _ context: StageContext
    ) throws(TrainingError) -> StageData where O.Batch == TokenBatch {
        let instructions = try InstructionData(
            context.configuration, context.text, model: context.model, threads: context.threads,
            over: context.communicator)
        var stage = StageData(
            objective, instructions.data, tokenizerFiles: instructions.files, context)
        if !instructions.predictions.isEmpty {
            stage.predictor = try RankAgreement.onAllRanks(context.communicator) {
                () throws(TrainingError) -> PromptPredictor in
                do throws(EvaluationError) {
                    return try PromptPredictor(
                        context.configuration, of: context.model.description,
                        prompts: instructions.predictions, parts: instructions.predictionParts,
                        encoder: instructions.encoder)
                } catch {
                    throw TrainingError(error)
                }
            }
        }
        return stage
    }

    /// Tokens of samples, or of rows that are read as they are needed.
    private init<O: Objective>(
        _ objective: O, _ data: SessionData, tokenizerFiles: [String: String],
        _ context: StageContext
    ) where O.Batch == TokenBatch {
        self.data = data
        self.tokenizerFiles = tokenizerFiles
        steps = { start in
            switch data.training {
            case nil: return nil
            case .samples(let samples):
                return objective.steps(
                    from: BatchStream(samples, start.partition, startPosition: start.samples))
            case .stream(var stream, let longest):
                if let rows = start.rows { stream.go(to: rows) }
                return objective.steps(
                    from: BatchStream(
                        stream, start.partition, startPosition: start.samples, longest: longest))
            }
        }
        trials = data.evaluation.map {
            NamedTrials(
                name: $0.name,
                trials: objective.trials(
                    of: EvaluationBatches(
                        $0.samples, rank: context.communicator.rank,
                        ranks: context.communicator.size,
                        batch: context.configuration.evaluation.perDeviceEvalBatchSize)))
        }
    }
}

/// Where a run's steps begin.
package struct StepStart {
    let partition: BatchPartition
    /// Consumed before, over all ranks.
    let samples: Int
    /// Where a stream of rows stands.
    let rows: InstructionStream.Position?
    /// Called while a step is being made ready, to see that it goes on.
    let stepped: () -> Void
}
