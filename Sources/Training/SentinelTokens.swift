import Configuration
import ModelFiles
import Models
import Tokenizers

/// What a run's tokenizer has for objectives that leave spans out: `<extra_id_0>`, `<extra_id_1>`, … and the end
/// of a text.
struct SentinelTokens {
    let tokenizer: any Tokenizer
    /// In the order of their use.
    let sentinels: [Int32]
    let end: Int32
    private let path: String

    /// - Parameters:
    ///   - spans: how many sentinels a sample needs, at most.
    ///   - length: tokens of a sample.
    /// - Throws: ``TrainingError/user(_:)`` where the tokenizer lacks something, or does not fit the model.
    init(
        _ text: RunTokenizer, _ configuration: RunConfiguration, _ model: any LanguageModel,
        for objective: PretrainingSection.Objective, spans: Int, length: Int
    ) throws(TrainingError) {
        tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        path = configuration.model.tokenizerNameOrPath ?? ""
        guard let end = tokenizer.endOfText else {
            throw .user(
                "the tokenizer \(path) names no end-of-text token (eos_token in "
                    + "tokenizer_config.json), which ends inputs and targets")
        }
        self.end = end
        var sentinels: [Int32] = []
        while sentinels.count < spans,
            let id = tokenizer.id(of: "<extra_id_\(sentinels.count)>")
        {
            sentinels.append(id)
        }
        self.sentinels = sentinels
        guard sentinels.count == spans else {
            throw .user(
                "objective: \(objective.rawValue): samples of \(length) tokens have \(spans) "
                    + "hidden spans, but the tokenizer \(path) has \(sentinels.count) tokens "
                    + "<extra_id_0>, <extra_id_1>, …; lower cutoff_len, or give add_special_tokens")
        }
        try Self.checkSize(tokenizer, model)
    }

    /// The ids of tokens by their names.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where one is not there.
    func ids(
        of names: [String], for objective: PretrainingSection.Objective
    ) throws(TrainingError) -> [Int32] {
        var (ids, missing): ([Int32], [String]) = ([], [])
        for name in names {
            if let id = tokenizer.id(of: name) { ids.append(id) } else { missing.append(name) }
        }
        guard missing.isEmpty else {
            throw .user(
                "objective: \(objective.rawValue): the tokenizer \(path) has no token "
                    + missing.joined(separator: ", ") + "; give add_special_tokens: "
                    + missing.joined(separator: ","))
        }
        return ids
    }

    static func checkSize(
        _ tokenizer: any Tokenizer, _ model: any LanguageModel
    ) throws(TrainingError) {
        let size = tokenizer.vocabularySize
        guard size <= model.description.vocabularySize else {
            throw .user(
                "the tokenizer has \(size) tokens, but the model only "
                    + "\(model.description.vocabularySize); take the model's own tokenizer")
        }
    }
}
