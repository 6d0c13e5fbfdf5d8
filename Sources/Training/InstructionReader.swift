import Configuration
import Distributed
import Evaluation
import Files
import Templates
import TextData

/// Reads the conversations of a run: all at once, from an earlier run's file, or as they are needed.
struct InstructionReader {
    let configuration: RunConfiguration
    let settings: InstructionSettings
    let encoder: any ConversationEncoding
    /// What to say of the template.
    var notice: String?

    /// All examples. Collective; with `tokenized_path` rank 0 keeps what it makes.
    func dataset(
        over communicator: any Communicator
    ) throws(TrainingError) -> InstructionDataset {
        guard let folder = configuration.data.tokenizedPath else {
            return try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
                do throws(ConversationError) {
                    return try InstructionDataset(settings, encoder.format, encoder.tokenizer)
                } catch {
                    throw .conversation(error)
                }
            }
        }
        let isFirst = communicator.rank == 0
        let renews = configuration.data.overwriteCache
        func kept() throws(TrainingError) -> InstructionDataset {
            do throws(ConversationError) {
                return try .kept(
                    in: folder, settings, encoder.format, encoder.tokenizer,
                    renews: isFirst && renews, writes: isFirst)
            } catch {
                throw .conversation(error)
            }
        }
        /// Runs that only read what is there do so at the same time; one that writes is alone.
        func first() throws(TrainingError) -> InstructionDataset {
            do throws(ConversationError) {
                if !renews,
                    let there = try InstructionDataset.reading(
                        folder, settings, encoder.format, encoder.tokenizer)
                {
                    return there
                }
            } catch {
                throw .conversation(error)
            }
            let lock = try FolderLock.taking(folder, as: "tokenized_path")
            defer { lock.release() }
            return try kept()
        }
        let first = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            isFirst ? try first() : nil
        }
        // The others read what is there now, or encode for themselves on a host without it.
        return try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            if let first { return first }
            return try kept()
        }
    }

    /// What a run makes of examples.
    func data(of dataset: InstructionDataset, ranks: Int) -> SessionData {
        let longest = configuration.data.cutoffLen
        let training = ExampleSamples(dataset.training, longest: longest)
        let tokens = dataset.training.reduce(0) { $0 + $1.ids.count }
        let targets = dataset.training.reduce(0) { $0 + $1.targetCount }
        var notes = [notice].compactMap { $0 } + dataset.report.lines
        if let folder = configuration.data.tokenizedPath {
            notes.append(
                dataset.isKept
                    ? "examples read from \(folder), where an earlier run kept them; "
                        + "overwrite_cache: true encodes them anew"
                    : "examples encoded and kept in \(folder)")
        }
        let held = max(dataset.evaluation.count, dataset.predictions.count)
        notes.append(
            settings.trains
                ? "data \(names): \(dataset.training.count) examples of \(tokens) tokens, "
                    + "\(targets) with loss, \(held) held out; template \(encoder.format.name)"
                : "data \(names): \(held) examples to try the model on; "
                    + "template \(encoder.format.name)")
        notes += lines(dataset.firstExampleDescription(encoder.tokenizer))
        return SessionData(
            training: training.count == 0
                ? nil
                : .samples(
                    TrainingSamples(
                        training, seed: UInt64(configuration.train.dataSeed),
                        shuffled: !configuration.data.disableShuffling,
                        globalBatch: globalBatch(ranks))),
            trainingCount: training.count, evaluation: samples(dataset.evaluation, dataset.parts),
            sampleTokens: longest, datasetTokens: tokens,
            content: SessionData.content(labels: dataset.training.map(\.labels)), files: files,
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
                evaluation: samples(evaluation, parts), sampleTokens: longest,
                datasetTokens: stream.rowCount, content: nil, files: files, notes: notes)
            return (data, predictions, parts)
        } catch {
            throw .conversation(error)
        }
    }

    /// What is held out, each dataset by itself where that is asked for.
    private func samples(
        _ examples: [TokenizedExample], _ parts: [EvaluatedDataset]
    ) -> [HeldOutSamples] {
        let places: [(name: String?, examples: Range<Int>)] =
            parts.isEmpty ? [(nil, examples.indices)] : parts.map { ($0.name, $0.examples) }
        return places.filter { !$0.examples.isEmpty }.map { name, places in
            HeldOutSamples(
                name: name,
                samples: ExampleSamples(
                    Array(examples[places]), longest: configuration.data.cutoffLen))
        }
    }

    private func globalBatch(_ ranks: Int) -> Int {
        configuration.train.perDeviceTrainBatchSize
            * configuration.train.gradientAccumulationSteps * ranks
    }

    /// Stands for the files of the rows that are learned from; `nil` where they are not there.
    private var files: String? {
        settings.files.flatMap(SessionData.files)
    }

    /// The datasets that the run reads.
    private var names: String {
        (settings.datasets.isEmpty ? settings.evaluationDatasets : settings.datasets)
            .joined(separator: ", ")
    }

    private func lines(_ text: String) -> [String] { text.split(separator: "\n").map(String.init) }
}
