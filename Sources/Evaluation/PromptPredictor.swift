package import Configuration
import Distributed
import Foundation
import Generation
import Metrics
import ModelFiles
package import Models
package import Templates
package import TextData
import Tokenizers

/// Continues the prompts of held-out rows and compares the texts with the rows' answers.
package struct PromptPredictor: HeldOutPredictor {
    /// What a rank tells the others about a row.
    private struct Answer: Codable {
        let row: Int
        let ids: [Int32]
        let scores: [Double]
    }

    /// What a rank tells the others about its rows.
    private struct Share: Codable {
        var answers: [Answer] = []
        var isLeft = false
    }

    private let prompts: [PromptExample]
    private let parts: [EvaluatedDataset]
    private let tokenizer: any Tokenizer
    private let ends: Set<Int32>
    private let segmenter: WordSegmenter
    private let generation: GenerationSection
    private let beams: BeamSettings
    private let minP: Double
    private let seed: UInt64
    private let batch: Int

    /// - Parameters:
    ///   - model: that will continue them.
    ///   - prompts: with the answers of the data.
    ///   - parts: each dataset's own, where each is evaluated by itself.
    ///   - encoder: what has written the prompts.
    /// - Throws: ``EvaluationError/user(_:)`` for a dictionary that cannot be read, and
    ///   ``EvaluationError/modelFile(_:)`` for a key of generation_config.json with which
    ///   transformers would give other texts.
    package init(
        _ configuration: RunConfiguration, of model: ModelDescription, prompts: [PromptExample],
        parts: [EvaluatedDataset], encoder: any ConversationEncoding
    ) throws(EvaluationError) {
        var (beams, minP) = (configuration.generation.beams, 0.0)
        if let path = configuration.model.modelNameOrPath {
            do throws(ModelFileError) {
                let own = try GenerationConfiguration(
                    of: ModelSource(path: path), configuration: "{}")
                try own.refuseUnused()
                try own.checkStart(model)
                beams.earlyStopping = try own.earlyStopping()
                minP = try own.minP()
            } catch {
                throw .modelFile(error)
            }
        }
        (self.prompts, self.parts) = (prompts, parts)
        tokenizer = encoder.tokenizer
        ends = encoder.stopTokens
        do throws(DictionaryError) {
            segmenter =
                try configuration.evaluation.segmentationDictionary.map {
                    path throws(DictionaryError) in try WordSegmenter(dictionary: path)
                } ?? WordSegmenter()
        } catch {
            throw .user(error.description)
        }
        generation = configuration.generation
        (self.beams, self.minP) = (beams, minP)
        seed = UInt64(configuration.train.seed)
        batch = configuration.evaluation.perDeviceEvalBatchSize
    }

    package var isPartOfEvaluation: Bool { true }

    /// A line for the user about how words are cut; `nil` if it is jieba's way.
    package var notice: String? { segmenter.notice }

    /// Continues all prompts, batches of rows in turn among ranks. Collective.
    ///
    /// A row's text depends on neither its batch nor the number of ranks.
    ///
    /// - Parameters:
    ///   - stepped: called now and then, to see that it goes on.
    ///   - leaves: asked before each batch whether to leave out the rest.
    package func run(
        _ model: any LanguageModel, on evaluator: Evaluator, stepped: () -> Void,
        leaves: () -> Bool = { false }
    ) throws(EvaluationError) -> PredictionOutcome {
        let communicator = evaluator.communicator
        var own = Share()
        let starts = Array(stride(from: 0, to: prompts.count, by: batch))
        for (number, start) in starts.enumerated()
        where number % communicator.size == communicator.rank {
            own.isLeft = leaves()
            if own.isLeft { break }
            let rows = start..<min(start + batch, prompts.count)
            let texts = texts(of: rows, by: model, on: evaluator, stepped: stepped)
            for (row, ids) in zip(rows, texts) {
                var similarity = TextSimilarity()
                let scores = similarity.add(
                    prediction: tokenizer.decode(ids, skipSpecialTokens: true),
                    label: tokenizer.decode(prompts[row].labels, skipSpecialTokens: true),
                    words: segmenter)
                own.answers.append(Answer(row: row, ids: ids, scores: scores))
            }
        }
        let share = try gathered(own, over: communicator)
        let similarity = similarity(of: share.answers)
        var figures = similarity.means.map { Figure(name: $0, value: $1) }
        for part in parts {
            figures += self.similarity(of: share.answers.filter { part.prompts.contains($0.row) })
                .means.map { Figure(name: "\(part.name)_\($0)", value: $1) }
        }
        return PredictionOutcome(
            file: PredictionFile(communicator.rank == 0 ? share.answers.map(prediction) : []),
            figures: figures, samples: similarity.count, batches: starts.count,
            isLeft: share.isLeft)
    }

    /// The continuations of rows' prompts.
    private func texts(
        of rows: Range<Int>, by model: any LanguageModel, on evaluator: Evaluator,
        stepped: () -> Void
    ) -> [[Int32]] {
        guard beams.count > 1 else {
            return model.generate(
                afterEach: rows.map { prompts[$0].ids }, count: generation.maxNewTokens,
                samplers: rows.map(sampler), ends: ends, computeType: evaluator.computeType,
                in: evaluator.workspace, stepped: stepped)
        }
        return rows.map {
            model.generate(
                after: prompts[$0].ids, count: generation.maxNewTokens, beams: beams,
                sampler: sampler($0), ends: ends, computeType: evaluator.computeType,
                in: evaluator.workspace, stepped: stepped)
        }
    }

    private func similarity(of answers: [Answer]) -> TextSimilarity {
        var similarity = TextSimilarity()
        // Added in the order of the data, so that any number of ranks gives the same bits.
        for answer in answers { similarity.add(scores: answer.scores) }
        return similarity
    }

    /// Draws for one row.
    private func sampler(_ row: Int) -> Sampler {
        var sampling = generation.sampling
        sampling.seed = seed
        sampling.minP = minP
        return Sampler(sampling, text: row)
    }

    private func prediction(_ answer: Answer) -> Prediction {
        let skips = generation.skipSpecialTokens
        return Prediction(
            prompt: tokenizer.decode(prompts[answer.row].ids),
            predict: tokenizer.decode(answer.ids, skipSpecialTokens: skips),
            label: tokenizer.decode(prompts[answer.row].labels, skipSpecialTokens: skips))
    }

    /// All ranks' answers in the order of the data, and whether a rank has left.
    private func gathered(
        _ own: Share, over communicator: any Communicator
    ) throws(EvaluationError) -> Share {
        guard communicator.size > 1 else { return own }
        let texts: [String]
        do throws(CommunicationError) {
            let data = (try? JSONEncoder().encode(own)) ?? Data()
            texts = try communicator.allGather(String(decoding: data, as: UTF8.self))
        } catch {
            throw .communication(error)
        }
        var all = Share()
        for (rank, text) in texts.enumerated() {
            guard let part = try? JSONDecoder().decode(Share.self, from: Data(text.utf8)) else {
                throw .user("the predictions of rank \(rank) did not arrive whole; run again")
            }
            all.answers += part.answers
            all.isLeft = all.isLeft || part.isLeft
        }
        all.answers.sort { $0.row < $1.row }
        return all
    }
}
