import Datasets
import Distributed
import Evaluation
import Models
import Objectives
import TextData

extension StageData {
    /// Questions with their contexts, encoded.
    static func answers(
        _ objective: LabelObjective, _ read: LabelData, _ context: StageContext
    ) -> StageData {
        let (configuration, communicator) = (context.configuration, context.communicator)
        let asked = configuration.questions
        let settings = AnswerSettings(
            allowsNone: asked.version2WithNegative, threshold: asked.nullScoreDiffThreshold,
            kept: asked.nBestSize, longest: asked.maxAnswerLength)
        let held = zip(read.heldOut, read.questions).map { part, questions in
            let samples = LabeledSamples(part.examples)
            let trials = objective.trials(
                of: MadeHeldOutBatches(
                    samples: samples.count, rank: communicator.rank, ranks: communicator.size,
                    batch: configuration.evaluation.perDeviceEvalBatchSize, make: samples.batch))
            return (name: part.name, trials: trials, report: AnswerReport(questions, settings))
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
                    figures: { rows, _ in part.report.figures(rows) },
                    files: {
                        part.report.files($0, prefix: part.name.map { "eval_\($0)" } ?? "eval")
                    })
            })
        if configuration.method.doPredict { stage.predictor = AnswerPredictor(held) }
        return stage
    }
}

extension LabelData {
    /// The questions, of which each has an id of its own.
    static func checked(
        _ encoded: [QuestionEncoding.Encoded]
    ) throws(ConversationError) -> [HeldOutQuestion] {
        var seen: Set<String> = []
        for one in encoded where !seen.insert(one.question.id).inserted {
            throw .setting(
                name: "the id of a question held out", found: "\(one.question.id) twice",
                expected: "each once, for files name answers by them")
        }
        return encoded.map(\.question)
    }
}
