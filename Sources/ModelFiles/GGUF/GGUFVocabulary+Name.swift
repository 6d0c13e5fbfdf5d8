import Tokenizers

extension GGUFVocabulary {
    /// A name for the model with which llama.cpp lets the same tokens take the white space after them
    /// along: all or none (``GGUFTokenizer/stripsRight(model:)``).
    ///
    /// - Throws: ``ModelFileError/user(_:)`` with a token that would be another.
    func modelName(_ name: String) throws(ModelFileError) -> String {
        let (able, others) = (
            tokenizer.addedTokens.filter { !GGUFTokenizer.neverStripping.contains($0.content) },
            tokenizer.addedTokens.filter { GGUFTokenizer.neverStripping.contains($0.content) }
        )
        if let token = others.first(where: \.stripsRight) {
            throw Self.noPlace(for: token, "rstrip")
        }
        let isPhi = GGUFTokenizer.stripsRight(model: name)
        guard let first = able.first(where: \.stripsRight) else {
            return isPhi ? name.replacing(#/(?i)(phi)-?3/#) { "\($0.output.1) 3" } : name
        }
        if let token = able.first(where: { !$0.stripsRight }) {
            throw Self.noPlace(for: token, "no rstrip beside '\(first.content)', which has it")
        }
        return isPhi ? name : name + " (phi3)"
    }

    private static func noPlace(for token: AddedToken, _ flag: String) -> ModelFileError {
        .user(
            "tokenizer.json: the token '\(token.content)' has \(flag): GGUF files have no place for "
                + "that, and llama.cpp takes rstrip of all tokens or none by the model's name; export a "
                + "Hugging Face folder without export_gguf")
    }
}
