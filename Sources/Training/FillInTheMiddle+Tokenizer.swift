import Configuration
import Masking
import ModelFiles
import Models
import Objectives
import TextData
import Tokenizers

extension FillInTheMiddle {
    /// The objective of a run, whose tokenizer is not read yet.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        self.init(model, computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Names of the tokens before prefix, suffix and middle, and behind the middle, as known models have them.
    private static let names: [(parts: [String], end: String?)] = [
        (["<fim_prefix>", "<fim_suffix>", "<fim_middle>"], nil),
        (["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"], nil),
        (["▁<PRE>", "▁<SUF>", "▁<MID>"], "▁<EOT>"),
        (["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"], nil),
    ]

    /// Takes the marks and how texts are encoded from the run's tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it has no marks, or does not give texts again.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        let path = configuration.model.tokenizerNameOrPath ?? ""
        try SentinelTokens.checkSize(tokenizer, model)
        let marks = Self.names.lazy.compactMap { names -> MiddleCuts.Marks? in
            let ids = names.parts.compactMap { tokenizer.id(of: $0) }
            guard ids.count == 3 else { return nil }
            return MiddleCuts.Marks(
                prefix: ids[0], suffix: ids[1], middle: ids[2],
                end: names.end.flatMap { tokenizer.id(of: $0) })
        }.first
        guard let marks else {
            throw .user(
                "objective: fim: the tokenizer \(path) has none of the known sets of tokens: "
                    + Self.names.map { $0.parts.joined(separator: " ") }.joined(separator: "; ")
                    + "; give add_special_tokens: " + Self.names[0].parts.joined(separator: ","))
        }
        let parts = TextParts(tokenizer)
        guard parts.ids(of: Array("a b\n".utf8)) != nil else {
            throw .user(
                "objective: fim cuts texts at characters, but the tokenizer \(path) does not give "
                    + "back the text of its ids (a normalizer changes it); take one of bytes")
        }
        var cuts = MiddleCuts(
            marks: marks, endOfText: tokenizer.endOfText ?? tokenizer.separator,
            seed: UInt64(configuration.train.seed), encode: { parts.ids(of: $0) },
            decode: { parts.bytes(of: $0) })
        cuts.rate = configuration.pretraining.fimRate
        cuts.suffixFirst = configuration.pretraining.fimSPMRate
        self.cuts = cuts
    }
}
