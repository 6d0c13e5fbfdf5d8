import Configuration
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension MaskedLanguageModeling {
    /// The objective of a run, whose tokenizer is not read yet.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let vocabulary = model.description.vocabularySize
        var masking = TokenMasking(
            mask: Int32(vocabulary - 1), special: [], vocabulary: vocabulary,
            seed: UInt64(configuration.train.seed))
        masking.probability = configuration.pretraining.mlmProbability
        masking.masked = configuration.pretraining.maskReplaceProb
        masking.random = configuration.pretraining.randomReplaceProb
        self.init(
            model, masking: masking, computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Takes what hides tokens, what is never hidden, and what stands around a text from the run's
    /// tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where there is none, or none with a mask.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        guard let mask = tokenizer.mask else {
            throw .user(
                "objective: mlm hides tokens, but the tokenizer "
                    + "\(configuration.model.tokenizerNameOrPath ?? "") has no mask_token; name it "
                    + "in tokenizer_config.json")
        }
        let size = tokenizer.vocabularySize
        guard size <= model.description.vocabularySize else {
            throw .user(
                "the tokenizer has \(size) tokens, but the model only "
                    + "\(model.description.vocabularySize); take the model's own tokenizer")
        }
        (before, after) = (tokenizer.postProcessor.before, tokenizer.postProcessor.after)
        let parts = [
            mask, tokenizer.classifier, tokenizer.separator, tokenizer.padding,
            tokenizer.beginOfText, tokenizer.endOfText,
        ]
        masking.mask = mask
        masking.special = Set(parts.compactMap { $0 } + before + after)
        // Drawn tokens are any of the tokenizer's, special ones too, as in transformers.
        masking.vocabulary = size
    }
}
