import Distributed
import Foundation
import Models
import TextData

/// Continues the prompts of held-out rows and compares the texts with the rows' answers.
struct PromptPredictor {
    /// What a prediction came to.
    struct Outcome {
        /// In the order of the data, on rank 0; empty on the others.
        let predictions: [Prediction]
        /// Of all predictions, the same on every rank.
        let similarity: TextSimilarity
        /// Batches over all ranks.
        let batches: Int
    }

    /// What a rank tells the others about a row.
    private struct Answer: Codable {
        let row: Int
        let ids: [Int32]
        let scores: [Double]
    }

    private let prompts: [PromptExample]
    private let tokenizer: any Tokenizer
    private let ends: Set<Int32>
    private let segmenter: WordSegmenter
    private let generation: GenerationSection
    private let seed: UInt64
    private let batch: Int

    /// - Throws: ``TrainingError/user(_:)`` for a dictionary that cannot be read, and for a key of
    ///   generation_config.json with which transformers would give other texts.
    init(_ configuration: RunConfiguration, _ instructions: InstructionData) throws(TrainingError) {
        if let path = configuration.model.modelNameOrPath {
            try GenerationConfiguration(of: ModelSource(path: path), configuration: "{}")
                .refuseUnused()
        }
        prompts = instructions.predictions
        tokenizer = instructions.tokenizer
        ends = instructions.encoder.stopTokens
        segmenter =
            if let path = configuration.evaluation.segmentationDictionary {
                try WordSegmenter(dictionary: path)
            } else {
                WordSegmenter()
            }
        generation = configuration.generation
        seed = UInt64(configuration.train.seed)
        batch = configuration.evaluation.perDeviceEvalBatchSize
    }

    /// A line for the user about how words are cut; `nil` if it is jieba's way.
    var notice: String? { segmenter.notice }

    /// Continues all prompts, batches of rows in turn among ranks. Collective.
    ///
    /// A row's text depends on neither its batch nor the number of ranks.
    ///
    /// - Parameter stepped: called now and then, to see that it goes on.
    func run(
        _ model: any LanguageModel, on loop: TrainingLoop, stepped: () -> Void
    ) throws(TrainingError) -> Outcome {
        let communicator = loop.communicator
        var answers: [Answer] = []
        let starts = Array(stride(from: 0, to: prompts.count, by: batch))
        for (number, start) in starts.enumerated()
        where number % communicator.size == communicator.rank {
            let rows = start..<min(start + batch, prompts.count)
            let texts = model.generate(
                afterEach: rows.map { prompts[$0].ids }, count: generation.maxNewTokens,
                samplers: rows.map(sampler), ends: ends, computeType: loop.store.computeType,
                in: loop.workspace, stepped: stepped)
            for (row, ids) in zip(rows, texts) {
                var similarity = TextSimilarity()
                let scores = similarity.add(
                    prediction: tokenizer.decode(ids, skipSpecialTokens: true),
                    label: tokenizer.decode(prompts[row].labels, skipSpecialTokens: true),
                    words: segmenter)
                answers.append(Answer(row: row, ids: ids, scores: scores))
            }
        }
        let all = try gathered(answers, over: communicator)
        var similarity = TextSimilarity()
        // Added in the order of the data, so that any number of ranks gives the same bits.
        for answer in all { similarity.add(scores: answer.scores) }
        return Outcome(
            predictions: communicator.rank == 0 ? all.map(prediction) : [],
            similarity: similarity, batches: starts.count)
    }

    /// Draws for one row.
    private func sampler(_ row: Int) -> Sampler {
        var sampling = generation.sampling
        sampling.seed = seed &+ UInt64(row) &* 0x9E37_79B9_7F4A_7C15
        return Sampler(sampling)
    }

    private func prediction(_ answer: Answer) -> Prediction {
        let skips = generation.skipSpecialTokens
        return Prediction(
            prompt: tokenizer.decode(prompts[answer.row].ids),
            predict: tokenizer.decode(answer.ids, skipSpecialTokens: skips),
            label: tokenizer.decode(prompts[answer.row].labels, skipSpecialTokens: skips))
    }

    /// All ranks' answers in the order of the data.
    private func gathered(
        _ own: [Answer], over communicator: any Communicator
    ) throws(TrainingError) -> [Answer] {
        guard communicator.size > 1 else { return own }
        let texts: [String]
        do throws(CommunicationError) {
            let data = (try? JSONEncoder().encode(own)) ?? Data()
            texts = try communicator.allGather(String(decoding: data, as: UTF8.self))
        } catch {
            throw .communication(error)
        }
        var answers: [Answer] = []
        for (rank, text) in texts.enumerated() {
            guard let part = try? JSONDecoder().decode([Answer].self, from: Data(text.utf8)) else {
                throw .user("the predictions of rank \(rank) did not arrive whole; run again")
            }
            answers += part
        }
        return answers.sorted { $0.row < $1.row }
    }
}
