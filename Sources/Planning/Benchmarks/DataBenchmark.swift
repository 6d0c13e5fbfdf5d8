package import Configuration
import Foundation
import ModelFiles
import Models
import TextData
package import Training

/// How fast a configuration's data become batches, without a model at work.
package struct DataBenchmark: Sendable, Codable {
    /// `sft`: rows read and encoded; `pt`: samples read from shards.
    package var stage: String
    /// Rows or samples.
    package var samples: Int
    package var tokens: Int
    package var seconds: Double
    package var tokensPerSecond: Double
    package var threads: Int

    /// Measures reading, and encoding with stage: sft.
    ///
    /// - Parameters:
    ///   - tokens: of a shard stream that are read, unless that takes longer than five seconds.
    ///   - threads: that encode, where the configuration names none.
    package static func run(
        _ configuration: RunConfiguration, tokens: Int, threads: Int
    ) throws(TrainingError) -> DataBenchmark {
        let stage = configuration.method.stage
        guard !stage.encodesAsItStarts else {
            throw .user(
                "bench data measures stages pt and sft; stage: \(stage.rawValue) encodes as it "
                    + "starts")
        }
        let (model, text) = try ofModelFiles { () throws(ModelFileError) in
            let source = try ModelSource(path: configuration.model.modelNameOrPath ?? "")
            let growth = try VocabularyGrowth.of(source, configuration, [])
            return (
                try source.model(vocabulary: growth?.rows), try RunTokenizer(configuration)
            )
        }
        guard configuration.method.stage == .supervised else {
            let data = try TrainingSession.openShards(
                configuration, model: model, tokenizerFiles: text.files, ranks: 1)
            return try shards(data, configuration, tokens: tokens)
        }
        let threads = configuration.compute.threadsPerRank ?? threads
        let settings = InstructionData.settings(configuration, threads: threads)
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        let format = try InstructionData.format(
            configuration, text, tokenizer, for: model.description.kind)
        let begun = ContinuousClock.now
        let dataset: InstructionDataset
        do {
            dataset = try InstructionDataset(settings, format, tokenizer)
        } catch {
            throw .conversation(error)
        }
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let examples = dataset.training + dataset.evaluation
        return DataBenchmark(
            stage: MethodSection.Stage.supervised.rawValue, samples: dataset.report.rows,
            tokens: examples.reduce(0) { $0 + $1.ids.count }, seconds: seconds,
            threads: settings.threads)
    }

    private static func shards(
        _ data: SessionData, _ configuration: RunConfiguration, tokens: Int
    ) throws(TrainingError) -> DataBenchmark {
        guard case .samples(let samples)? = data.training else {
            throw .user("the configuration has no samples to learn from")
        }
        let partition = configuration.partition(rank: 0, ranks: 1)
        // Enough for a figure, also where small samples make tokens come slowly.
        let longest = Duration.seconds(5)
        let begun = ContinuousClock.now
        let stream = BatchStream(samples, partition)
        defer { stream.stop() }
        var read = 0
        while read < tokens, ContinuousClock.now - begun < longest {
            do {
                read += try stream.next().reduce(0) { $0 + $1.ids.count }
            } catch {
                throw .corpus(error)
            }
        }
        return DataBenchmark(
            stage: MethodSection.Stage.pretraining.rawValue, samples: stream.position, tokens: read,
            seconds: (ContinuousClock.now - begun) / .seconds(1), threads: 1)
    }

    private init(stage: String, samples: Int, tokens: Int, seconds: Double, threads: Int) {
        self.stage = stage
        self.samples = samples
        self.tokens = tokens
        self.seconds = seconds
        self.threads = threads
        tokensPerSecond = Double(tokens) / max(seconds, 1e-9)
    }
}
