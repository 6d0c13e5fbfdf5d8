import Configuration
import Masking
import Models
import Objectives
import TextData
import Tokenizers

extension TokenEncoder {
    /// How a run's text becomes ids, as its objective needs them.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where the tokenizer lacks what parts documents or sentences.
    init(
        _ configuration: RunConfiguration, _ tokenizer: any Tokenizer, path: String
    ) throws(TrainingError) {
        let pretraining = configuration.pretraining
        let plain: @Sendable ([UInt8]) -> [Int32] = {
            tokenizer.encode(utf8: $0, addSpecialTokens: false)
        }
        var (size, encode) = (tokenizer.vocabularySize, plain)
        if let spaced = MaskedLanguageModeling.spacedSize(pretraining, tokenizer) {
            let text = SpacedText(vocabulary: spaced)
            size = 2 * spaced
            encode = { text.ids($0, plain) }
        }
        // BERT's tokenizers end a text by what stands between two.
        var end = tokenizer.endOfText ?? tokenizer.separator
        if pretraining.objective == .maskedPairs {
            let text = try SentenceText(tokenizer, path: path)
            let words = encode
            encode = { text.ids($0, words) }
            end = text.documentEnd
        }
        guard let end else {
            throw .user(
                "the tokenizer \(path) names no end-of-text token (eos_token or sep_token in "
                    + "tokenizer_config.json); documents could not be told apart")
        }
        let encoding = encode
        self.init(endOfText: end, vocabularySize: size, tokenizerHash: tokenizer.hash) {
            encoding(Array($0))
        }
    }
}

extension SentenceText {
    /// Sentences end with the token between two texts, documents with the one before them.
    init(_ tokenizer: any Tokenizer, path: String) throws(TrainingError) {
        guard let separator = tokenizer.separator, let classifier = tokenizer.classifier else {
            throw .user(
                "objective: mlm+nsp: the tokenizer \(path) names no sep_token or no cls_token in "
                    + "tokenizer_config.json; sentences and documents could not be told apart")
        }
        self.init(sentenceEnd: separator, documentEnd: classifier)
    }
}
