import Configuration
import Masking
import ModelFiles
import Models
import Objectives
import TextData

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

    /// Takes the sentinels and the end of a text from the run's tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it has none, or too few for a sample's spans.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        guard spans.inputLength <= configuration.data.cutoffLen else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected at least "
                    + "\(spans.inputLength) for an input with a hidden span")
        }
        let tokens = try SentinelTokens(
            text, configuration, model, for: .spanCorruption, spans: spans.spans,
            length: spans.rawLength)
        (sentinels, end) = (tokens.sentinels, tokens.end)
        tokenBytes = TokenBytes(text)
    }
}

extension MixtureOfDenoisers {
    /// The objective of a run, whose tokenizer is not read yet. Inputs have at most `cutoff_len` tokens.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        let rates = configuration.pretraining.ul2Rates
        let seed = UInt64(configuration.train.seed)
        let denoisers =
            DenoiserMixture(inputLimit: configuration.data.cutoffLen, rates: rates, seed: seed)
            ?? DenoiserMixture(shortestWith: rates, seed: seed)
        self.init(model, denoisers, computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Takes sentinels, modes and the end of a text from the run's tokenizer.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it lacks one.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        guard denoisers.inputLength <= configuration.data.cutoffLen else {
            throw .user(
                "cutoff_len: found \(configuration.data.cutoffLen), expected at least "
                    + "\(denoisers.inputLength) for an input with a mode, a hidden span and an end")
        }
        let tokens = try SentinelTokens(
            text, configuration, model, for: .denoiserMixture, spans: denoisers.spans,
            length: denoisers.rawLength)
        modes = try tokens.ids(
            of: DenoiserMixture.Mode.allCases.map(\.token), for: .denoiserMixture)
        (sentinels, end) = (tokens.sentinels, tokens.end)
        tokenBytes = TokenBytes(text)
    }
}

extension PrefixLanguageModeling {
    /// The objective of a run, whose tokenizer is not read yet.
    convenience init(_ model: any LanguageModel, _ configuration: RunConfiguration) {
        self.init(
            model, seed: UInt64(configuration.train.seed),
            computesAccuracy: configuration.evaluation.computeAccuracy)
    }

    /// Takes the end of a text from the run's tokenizer, for an encoder-decoder.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it has none.
    func read(_ text: RunTokenizer, _ configuration: RunConfiguration) throws(TrainingError) {
        guard model.description.kind == .encoderDecoder else { return }
        end = try SentinelTokens(
            text, configuration, model, for: .prefix, spans: 0,
            length: configuration.data.cutoffLen
        ).end
    }
}
