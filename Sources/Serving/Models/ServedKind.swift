package import Configuration
package import Generation
import ModelFiles

/// What a model can be served for.
package enum ServedKind: Sendable {
    case texts, vectors, rewards

    /// Reads it from the files that a configuration names, without their weights.
    package static func of(_ configuration: RunConfiguration) throws(GenerationError) -> ServedKind
    {
        guard let given = configuration.model.modelNameOrPath else {
            throw .user("model_name_or_path is not set; give the model to serve")
        }
        do {
            return try kind(given, configuration.adapter.adapterNameOrPath)
        } catch {
            throw .modelFile(error)
        }
    }

    private static func kind(
        _ given: String, _ adapters: [String]
    ) throws(ModelFileError) -> ServedKind {
        // A folder of sentence-transformers is there for vectors, whatever its model is.
        if try SentenceModel.isDescribed(at: given) { return .vectors }
        if try InferenceModel.givesRewards(path: given, adapters: adapters) { return .rewards }
        let (path, _) = try ModelSource.resolved(given, adapters: adapters)
        return try ModelSource(path: path).kind() == .encoder ? .vectors : .texts
    }

    /// Keys that say how texts are asked and written, for which vectors and scores have no use.
    private static let textKeys = [
        "template", "tool_format", "default_system", "enable_thinking", "preserve_thinking",
        "do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "num_beams",
        "length_penalty", "max_new_tokens", "skip_special_tokens", "quantization_bit",
        "rope_scaling", "add_tokens", "add_special_tokens", "tokenizer_name_or_path",
    ]

    /// Throws for a key that a model which writes no texts would pass over.
    package func checkKeys(_ configuration: RunConfiguration) throws(GenerationError) {
        guard self != .texts, let key = Self.textKeys.first(where: configuration.isGiven) else {
            return
        }
        throw .user(
            "\(key) is given, but the model gives "
                + "\(self == .vectors ? "vectors" : "scores") of texts and writes none; leave it out"
        )
    }
}
