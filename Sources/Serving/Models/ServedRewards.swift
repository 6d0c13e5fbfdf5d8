package import Configuration
import Foundation
package import Generation
import ModelFiles

/// A reward model, which gives texts a score.
package struct ServedRewards: ServedEntry {
    package let name: String
    package let created = Int(Date().timeIntervalSince1970)
    private let model: QueuedModel<InferenceModel>

    /// Reads a reward model as a configuration describes it.
    ///
    /// - Parameter name: in place of its folder's.
    /// - Throws: ``GenerationError``.
    package init(
        _ configuration: RunConfiguration, path: String, name: String?, threads: Int
    ) throws(GenerationError) {
        let inference: InferenceModel
        do {
            inference = try InferenceModel.withRewards(
                path: path, adapters: configuration.adapter.adapterNameOrPath,
                computeType: ChatModel.computeTypeOfNumbers(configuration),
                threads: configuration.compute.threadsPerRank ?? threads)
        } catch {
            throw .modelFile(error)
        }
        guard inference.isRewardModel else {
            throw .user("the model \(path) has no head that gives a text one score")
        }
        guard inference.tokenizer != nil else {
            throw .user("the reward model \(path) has no tokenizer.json")
        }
        model = QueuedModel(inference)
        self.name = name ?? URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
    }

    /// The scores of texts.
    ///
    /// - Parameter longest: tokens of a text that are read; more are refused where it is `nil`.
    func scores(of texts: [String], longest: Int?) async throws(ServerProblem) -> [Float] {
        var scores: [Float] = []
        for (index, text) in texts.enumerated() {
            if Task.isCancelled { throw ServerProblem(499, "the client hung up") }
            let result = try await model.perform { inference in
                Result { () throws(ModelFileError) in
                    // As rows are written in training: a text's own special tokens, and no others.
                    var ids = inference.tokenizer?.encode(text, addSpecialTokens: false) ?? []
                    if let longest { ids = Array(ids.prefix(longest)) }
                    return try inference.reward(ids, of: "messages[\(index)]")
                }
            }
            let score: Float?
            do {
                score = try result.get()
            } catch {
                throw .invalid(error.description, param: "messages")
            }
            guard let score else { throw ServerProblem(500, "the model gives no score") }
            scores.append(score)
        }
        return scores
    }
}
