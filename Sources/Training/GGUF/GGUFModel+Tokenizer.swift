import TextData

extension GGUFModel {
    /// The texts of tokenizer.json and tokenizer_config.json; empty where the file has no tokens.
    ///
    /// - Throws: ``TrainingError/tokenizer(_:)`` for a kind of tokenizer that is not supported.
    package func tokenizerFiles() throws(TrainingError) -> [String: String] {
        let prefix = "tokenizer.ggml."
        guard let model = metadata.text(prefix + "model"),
            let tokens = metadata.texts(prefix + "tokens")
        else { return [:] }
        var tokenizer = GGUFTokenizer(
            model: model, pre: metadata.text(prefix + "pre"), tokens: tokens)
        tokenizer.scores = metadata.reals(prefix + "scores")?.map(Float.init)
        tokenizer.tokenTypes = metadata.integers(prefix + "token_type")?.map {
            Int32(truncatingIfNeeded: $0)
        }
        tokenizer.merges = metadata.texts(prefix + "merges")
        tokenizer.beginOfText = metadata.integer(prefix + "bos_token_id")
        tokenizer.endOfText = metadata.integer(prefix + "eos_token_id")
        tokenizer.unknown = metadata.integer(prefix + "unknown_token_id")
        tokenizer.padding = metadata.integer(prefix + "padding_token_id")
        tokenizer.addsBeginOfText = metadata.flag(prefix + "add_bos_token")
        tokenizer.addsEndOfText = metadata.flag(prefix + "add_eos_token")
        tokenizer.addsSpacePrefix = metadata.flag(prefix + "add_space_prefix")
        tokenizer.removesExtraSpaces = metadata.flag(prefix + "remove_extra_whitespaces")
        tokenizer.precompiledMap = metadata.integers(prefix + "precompiled_charsmap")?.map {
            UInt8(truncatingIfNeeded: $0)
        }
        tokenizer.chatTemplate = metadata.text("tokenizer.chat_template")
        do {
            return try tokenizer.files()
        } catch {
            throw .tokenizer(error)
        }
    }
}
