import Configuration
import Datasets
import Distributed
import Evaluation
import Files
import Templates
import TextData

/// Reads the conversations of a run: all at once, from a file of examples, or as they are needed.
struct InstructionReader {
    let configuration: RunConfiguration
    let settings: InstructionSettings
    let encoder: any ConversationEncoding
    /// What to say of the template.
    var notice: String?

    /// All examples, encoded or from tokenized_path, and a line that says which. Collective.
    ///
    /// - Parameter vocabularySize: of the model.
    func examples(
        vocabularySize: Int, over communicator: any Communicator
    ) throws(TrainingError) -> (examples: InstructionExamples, note: String?) {
        guard let folder = configuration.data.tokenizedPath else {
            let encoding = try InstructionEncoding(settings, encoder, over: communicator)
            let dataset = try encoding.dataset()
            return (
                try ofConversations { () throws(ConversationError) in
                    try InstructionExamples(dataset, for: settings)
                }, nil
            )
        }
        let kept = KeptInstructions(
            folder: folder, encoder: encoder, vocabularySize: vocabularySize,
            communicator: communicator)
        if !configuration.data.overwriteCache, let file = try kept.read(settings) {
            return (
                try ofConversations { () throws(ConversationError) in
                    try InstructionExamples(file, for: settings)
                },
                "examples read from \(folder), where `lockstep prepare` or an earlier run kept "
                    + "them; overwrite_cache: true encodes them anew"
            )
        }
        // Runs that only read what is there do so at the same time; one that writes is alone.
        let lock = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            communicator.rank == 0 ? try FolderLock.taking(folder, as: "tokenized_path") : nil
        }
        defer { lock?.release() }
        let encoding = try InstructionEncoding(settings.keeping, encoder, over: communicator)
        let dataset = try encoding.dataset()
        let examples = try ofConversations { () throws(ConversationError) in
            try InstructionExamples(dataset, for: settings)
        }
        try kept.write(dataset, of: encoding.rows)
        return (examples, "examples encoded and kept in \(folder)")
    }

    /// What a run makes of examples.
    ///
    /// - Parameter note: where they come from.
    func data(of examples: InstructionExamples, note: String?, ranks: Int) -> SessionData {
        let longest = configuration.data.cutoffLen
        let training = examples.training
        var (tokens, targets) = (0, 0)
        for index in 0..<training.count {
            let example = training[index]
            tokens += example.ids.count
            targets += example.targetCount
        }
        var notes = [notice].compactMap { $0 } + examples.lines + [note].compactMap { $0 }
        let held = max(examples.evaluation.count, examples.predictions.count)
        notes.append(
            settings.trains
                ? "data \(examples.names): \(training.count) examples of \(tokens) tokens, "
                    + "\(targets) with loss, \(held) held out; template \(encoder.format.name)"
                : "data \(examples.names): \(held) examples to try the model on; "
                    + "template \(encoder.format.name)")
        if training.count > 0 {
            notes += lines(
                training[0].description("training example", tokenizer: encoder.tokenizer))
        }
        return SessionData(
            training: training.count == 0
                ? nil
                : .samples(
                    configuration.order(
                        of: training.samples(0..<training.count, longest: longest), ranks: ranks)),
            trainingCount: training.count,
            evaluation: samples(examples.evaluation, examples.parts),
            sampleTokens: longest, datasetTokens: tokens,
            content: SessionData.content(
                labels: (0..<training.count).lazy.map { training[$0].labels }), files: files,
            notes: notes)
    }

    /// Rows read as they are needed; what is held out is read at once.
    func stream(
        ranks: Int
    ) throws(TrainingError) -> (
        data: SessionData, predictions: [PromptExample], parts: [EvaluatedDataset]
    ) {
        do throws(ConversationError) {
            let stream = try InstructionStream(
                settings, encoder.format, encoder.tokenizer,
                bufferSize: configuration.data.disableShuffling
                    ? 1 : configuration.data.bufferSize)
            // Tells at once where no row can be used.
            var trial = stream
            let first = try trial.nextExample()
            var evaluation = try stream.heldOut()
            var predictions = settings.predicts ? stream.heldOutPrompts() : []
            var parts: [EvaluatedDataset] = []
            var notes = [notice].compactMap { $0 } + trial.report.notices
            if !settings.evaluationDatasets.isEmpty {
                var other = settings
                other.datasets = []
                let dataset = try InstructionDataset(other, encoder.format, encoder.tokenizer)
                (evaluation, predictions) = (dataset.evaluation, dataset.predictions)
                parts = dataset.parts
                notes += dataset.report.lines
            }
            notes.append(
                "data \(names): \(stream.rowCount) rows, read and encoded as they are needed, "
                    + "\(max(evaluation.count, predictions.count)) held out; "
                    + "template \(encoder.format.name)")
            notes += lines(first.description("training example", tokenizer: encoder.tokenizer))
            let longest = configuration.data.cutoffLen
            let data = SessionData(
                training: .stream(stream, longest: longest), trainingCount: stream.rowCount,
                evaluation: samples(.memory(evaluation), parts), sampleTokens: longest,
                datasetTokens: stream.rowCount, content: nil, files: files, notes: notes)
            return (data, predictions, parts)
        } catch {
            throw .conversation(error)
        }
    }

    /// What is held out, each dataset by itself where that is asked for.
    private func samples(
        _ examples: ExampleList, _ parts: [EvaluatedDataset]
    ) -> [HeldOutSamples] {
        let places: [(name: String?, examples: Range<Int>)] =
            parts.isEmpty ? [(nil, 0..<examples.count)] : parts.map { ($0.name, $0.examples) }
        return places.filter { !$0.examples.isEmpty }.map { name, places in
            HeldOutSamples(
                name: name,
                samples: examples.samples(places, longest: configuration.data.cutoffLen))
        }
    }

    /// Stands for the files of the rows that are learned from; `nil` where they are not there.
    private var files: String? {
        settings.datasets.isEmpty ? nil : settings.files.flatMap(SessionData.files)
    }

    /// The datasets of a stream.
    private var names: String {
        (settings.datasets.isEmpty ? settings.evaluationDatasets : settings.datasets)
            .joined(separator: ", ")
    }

    private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
}
