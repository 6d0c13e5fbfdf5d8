import Configuration
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension SpanCorruption {
    /// The objective of a run, whose tokenizer is not read yet. Inputs have at most `cutoff_len` tokens.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let (density, mean) = (
            configuration.pretraining.mlmProbability,
            configuration.pretraining.meanNoiseSpanLength
        )
        let seed = UInt64(configuration.train.seed)
        let spans =
            SpanMasking(
                inputLimit: configuration.data.cutoffLen, density: density, mean: mean, seed: seed)
            ?? SpanMasking(rawLength: 2, density: density, mean: mean, seed: seed)
        self.init(model, spans, computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Takes the sentinels `<extra_id_0>`, `<extra_id_1>`, … and the end of a text from the run's
    /// tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it has none, or too few for a sample's spans.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        let path = configuration.model.tokenizerNameOrPath ?? ""
        guard spans.inputLength <= configuration.data.cutoffLen else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected at least "
                    + "\(spans.inputLength) for an input with a hidden span")
        }
        guard let end = tokenizer.endOfText else {
            throw .user(
                "the tokenizer \(path) names no end-of-text token (eos_token in "
                    + "tokenizer_config.json), which ends inputs and targets")
        }
        let known = (0..<spans.spans).map { tokenizer.id(of: "<extra_id_\($0)>") }
        sentinels = known.prefix { $0 != nil }.compactMap { $0 }
        guard sentinels.count == spans.spans else {
            throw .user(
                "objective: span_corruption: samples of \(spans.rawLength) tokens have "
                    + "\(spans.spans) hidden spans, but the tokenizer \(path) has "
                    + "\(sentinels.count) tokens <extra_id_0>, <extra_id_1>, …; lower cutoff_len, "
                    + "or give add_special_tokens")
        }
        self.end = end
        let size = tokenizer.vocabularySize
        guard size <= model.description.vocabularySize else {
            throw .user(
                "the tokenizer has \(size) tokens, but the model only "
                    + "\(model.description.vocabularySize); take the model's own tokenizer")
        }
    }
}
