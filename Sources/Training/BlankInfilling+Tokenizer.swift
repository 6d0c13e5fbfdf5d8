import Configuration
import Masking
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension BlankInfilling {
    /// The objective of a run, whose tokenizer is not read yet.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let size = Int32(model.description.vocabularySize)
        var blanks = BlankMasking(
            marks: BlankMasking.Marks(
                classifier: 0, mask: size - 1, restMask: size - 1, start: size - 1, end: size - 1),
            endOfText: nil, seed: UInt64(configuration.train.seed))
        blanks.take(configuration.pretraining)
        self.init(model, blanks, computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Takes the marks from the run's tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it lacks one, or the model a table of places in blocks.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        guard model.description.tokenTypes > 0 else {
            throw .user(
                "objective: glm needs a model with a table of places within blocks; set "
                    + "block_position_embeddings: true in config.json of a gpt2 model")
        }
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        try SentinelTokens.checkSize(tokenizer, model)
        let path = configuration.model.tokenizerNameOrPath ?? ""
        func id(_ names: [String], _ own: Int32? = nil) throws(TrainingError) -> Int32 {
            guard let id = own ?? names.lazy.compactMap({ tokenizer.id(of: $0) }).first else {
                throw .user(
                    "objective: glm: the tokenizer \(path) has no token "
                        + names.joined(separator: " or ") + "; give add_special_tokens: \(names[0])"
                )
            }
            return id
        }
        let mask = try id(["[MASK]"], tokenizer.mask)
        let marks = BlankMasking.Marks(
            classifier: try id(["[CLS]"], tokenizer.classifier), mask: mask,
            restMask: blanks.restRate > 0 ? try id(["[gMASK]"]) : mask,
            start: try id(["<|startofpiece|>", "<sop>", "[sop]"]),
            end: try id(["<|endofpiece|>", "<eop>", "[eop]"]))
        blanks = BlankMasking(
            marks: marks, endOfText: tokenizer.endOfText ?? tokenizer.separator,
            seed: UInt64(configuration.train.seed))
        blanks.take(configuration.pretraining)
    }
}

extension BlankMasking {
    fileprivate mutating func take(_ pretraining: PretrainingSection) {
        share = pretraining.mlmProbability
        mean = pretraining.meanNoiseSpanLength
        restRate = pretraining.gptRate
        leastRest = pretraining.gptMinRatio
    }
}
