import Configuration
import Datasets
import Evaluation
import ModelFiles
import Models
import Templates
import TextData

/// The prompts of a run that learns from what its model writes.
struct RolloutPrompts {
    /// Those whose completions are learned from.
    let training: [RolloutPrompt]
    /// Those held out, each dataset by itself where it has a name.
    let heldOut: [(name: String?, prompts: [RolloutPrompt])]
    let writing: UncutWriting
    private let report: InstructionReport
    private let configuration: RunConfiguration

    /// Reads and encodes what the configuration names. Collective.
    ///
    /// - Parameters:
    ///   - answerColumn: the column of the right answers; `nil` for the rows' own answers.
    ///   - completionLength: tokens that a completion may have, for which the model needs room.
    init(
        _ context: StageContext, answerColumn: String?, completionLength: Int
    ) throws(TrainingError) {
        let (configuration, communicator) = (context.configuration, context.communicator)
        // What is just asked stands at a prompt's end: long ones are left out, not cut.
        writing = try UncutWriting(context, for: .prompts)
        let rows = try writing.rows(context)
        let positions = context.model.description.maximumPositions
        let dataset = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            let dataset = try ofConversations { () throws(ConversationError) in
                try RolloutDataset(
                    rows, answerColumn: answerColumn, longest: configuration.data.cutoffLen)
            }
            let longest = dataset.parts.flatMap(\.prompts).map(\.ids.count).max() ?? 0
            guard longest + completionLength <= positions else {
                throw .user(
                    "max_new_tokens is \(completionLength) and the longest prompt has \(longest) "
                        + "tokens, but the model is made for \(positions) positions; lower "
                        + "max_new_tokens, or cutoff_len, which prompts that are longer are left out by"
                )
            }
            return dataset
        }
        training = dataset.parts.first(where: \.isLearned)?.prompts ?? []
        heldOut = dataset.parts.filter { !$0.isLearned }.map { ($0.name, $0.prompts) }
        report = dataset.report
        self.configuration = configuration
    }

    /// The order in which prompts are learned from.
    var order: SampleOrder {
        SampleOrder(
            count: training.count, seed: UInt64(configuration.train.dataSeed),
            shuffled: !configuration.data.disableShuffling)
    }

    /// What a session knows of them.
    ///
    /// - Parameter uses: how many completions are learned from for each prompt in an epoch, each as often
    ///   as a step takes it.
    func data(uses: Int) -> SessionData {
        let tokens = training.reduce(0) { $0 + $1.ids.count }
        let held = heldOut.reduce(0) { $0 + $1.prompts.count }
        var notes = [writing.notice].compactMap { $0 } + report.lines
        notes.append(
            "data \(writing.names): \(training.count) prompts of \(tokens) tokens, "
                + "\(held) held out; template \(writing.encoder.format.name)")
        if let first = training.first {
            notes +=
                ["training prompt:"]
                + writing.encoder.tokenizer.decode(first.ids).split(separator: "\n").map(
                    String.init)
                + (first.answer.map { ["answer: \($0)"] } ?? [])
        }
        return SessionData(
            training: training.isEmpty
                ? nil
                : .samples(
                    TrainingSamples(
                        PromptSamples(training), seed: UInt64(configuration.train.dataSeed),
                        shuffled: !configuration.data.disableShuffling)),
            trainingCount: training.count * uses,
            evaluation: heldOut.map {
                HeldOutSamples(name: $0.name, samples: PromptSamples($0.prompts))
            },
            sampleTokens: configuration.data.cutoffLen, datasetTokens: tokens,
            // Prompts do not count, for a template may put the day's date there.
            content: SessionData.content(
                labels: training.lazy.map { ($0.answer ?? "").utf8.map { Int32($0) } + [0] }),
            files: writing.files,
            notes: notes)
    }
}
