import Configuration
import Files
import Masking
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
    /// tokenizer, or, where there is none, from config.json's ids.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where nothing says what hides a token.
    ///
    /// - Returns: the tokenizer's size, where shards have to say where white space was.
    func read(
        _ text: RunTokenizer, _ configuration: RunConfiguration
    ) throws(TrainingError) -> Int? {
        guard text.files["tokenizer.json"] != nil else {
            try requireTokens(configuration)
            try readIDs()
            return nil
        }
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
        masking.framing = before.count + after.count
        masking.unit = try unit(configuration.pretraining, tokenizer)
        return Self.spacedSize(configuration.pretraining, tokenizer)
    }

    /// What is hidden at once.
    private func unit(
        _ pretraining: PretrainingSection, _ tokenizer: any Tokenizer
    ) throws(TrainingError) -> TokenMasking.Unit {
        if pretraining.objective == .phrases {
            return .phrases(
                WordTable(tokenizer),
                try PhraseTable(file: pretraining.phraseFile ?? "", tokenizer),
                rate: pretraining.phraseRate)
        }
        if pretraining.wholeWordMask {
            return .eachWord(
                Self.spacedSize(pretraining, tokenizer).map(WordTable.init(spacedBelow:))
                    ?? WordTable(tokenizer))
        }
        return switch pretraining.maskUnit {
        case .token: .token
        case .word: .words(WordTable(tokenizer), most: pretraining.maxPredictionsPerSeq)
        case .span: .spans(WordTable(tokenizer))
        }
    }

    /// The tokenizer's size, where shards also have to say where white space was: see ``SpacedText``.
    static func spacedSize(
        _ pretraining: PretrainingSection, _ tokenizer: any Tokenizer
    ) -> Int? {
        guard pretraining.wholeWordMask, WordTable.mark(of: tokenizer) != nil else { return nil }
        return tokenizer.vocabularySize
    }

    /// Refuses words where nothing says what they are.
    private func requireTokens(_ configuration: RunConfiguration) throws(TrainingError) {
        let pretraining = configuration.pretraining
        let hasPhrases = pretraining.objective == .phrases
        guard hasPhrases || pretraining.wholeWordMask || pretraining.maskUnit != .token else {
            return
        }
        let key =
            hasPhrases
            ? "objective: ernie"
            : pretraining.wholeWordMask
                ? "whole_word_mask: true" : "mask_unit: \(pretraining.maskUnit.rawValue)"
        throw .user(
            "\(key) hides words, but there is no tokenizer that says where they begin; give "
                + "tokenizer_name_or_path")
    }

    private func readIDs() throws(TrainingError) {
        let file = try? JSONValueReader.read(model.description.configuration)
        func id(_ key: String) throws(TrainingError) -> Int32? {
            guard let value = file?[key], value != .null else { return nil }
            guard let id = value.integer, 0..<model.description.vocabularySize ~= id else {
                throw .user(
                    "config.json: \(key): found \(value.kind), expected an id of the vocabulary")
            }
            return Int32(id)
        }
        guard let mask = try id("mask_token_id") else {
            throw .user(
                "objective: mlm hides tokens, but there is neither a tokenizer nor a mask_token_id "
                    + "in config.json; give tokenizer_name_or_path")
        }
        let (first, last) = (try id("cls_token_id"), try id("sep_token_id"))
        before = first.map { [$0] } ?? []
        after = last.map { [$0] } ?? []
        let others = [try id("pad_token_id"), try id("bos_token_id"), try id("eos_token_id")]
        masking.mask = mask
        masking.framing = before.count + after.count
        masking.special = Set([mask, first, last].compactMap { $0 } + others.compactMap { $0 })
    }
}

extension ReplacedTokenDetection {
    /// The objective of a run, whose tokenizer is not read yet.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        self.init(
            model, masked: MaskedLanguageModeling(model, configuration),
            weight: configuration.pretraining.discWeight, seed: UInt64(configuration.train.seed))
        // As ELECTRA's code has it.
        masked.masking.masked = 0.85
        masked.masking.random = 0
    }
}
