/// What `stage: pt` learns of running text.
package struct PretrainingSection: Sendable {
    /// The objective.
    package enum Objective: String, CaseIterable, Sendable {
        /// Each next token.
        case causal = "clm"
        /// Hidden tokens in their places.
        case masked = "mlm"
        /// Hidden phrases in their places.
        case phrases = "ernie"
        /// Hidden tokens of two texts, and whether the second follows the first.
        case maskedPairs = "mlm+nsp"
        /// Which tokens a smaller model has replaced.
        case replacedTokens = "electra"
        /// Hidden spans, written by a decoder.
        case spanCorruption = "span_corruption"
        /// Texts whose middle is written last.
        case fillInTheMiddle = "fim"
        /// The rest of a text, whose beginning is seen whole.
        case prefix = "prefix_lm"
        /// Blocks taken out of a text, written behind it.
        case blankInfilling = "glm"
        /// Spans of several kinds and rests of texts.
        case denoiserMixture = "ul2"
        /// Vectors of texts that belong together.
        case contrastive
    }

    /// What `objective: mlm` hides at once.
    package enum MaskUnit: String, CaseIterable, Sendable {
        case token, word, span
    }

    /// `nil`: what the model was made for.
    package let objective: Objective?
    package let mlmProbability: Double
    package let meanNoiseSpanLength: Double
    package let maskReplaceProb: Double
    package let randomReplaceProb: Double
    package let maskUnit: MaskUnit
    /// Whether each word is chosen by itself, as transformers' key of this name has it.
    package let wholeWordMask: Bool
    /// Of `mask_unit: word`; `nil` for no limit.
    package let maxPredictionsPerSeq: Int?
    package let phraseFile: String?
    /// The part of the samples in which phrases are hidden, not tokens.
    package let phraseRate: Double
    package let shortSeqProb: Double
    package let discWeight: Double
    /// The generator's width, as a part of the discriminator's.
    package let generatorHiddenSize: Double
    package let fimRate: Double
    package let fimSPMRate: Double
    /// The part of GLM's samples whose end is written, and the least part of a sample that it is.
    package let gptRate: Double
    package let gptMinRatio: Double
    /// How often UL2's R, S and X are drawn.
    package let ul2Rates: [Double]

    static let keys: [ConfigurationKey] = [
        .choice(
            "objective", nil, Objective.allCases.map(\.rawValue), .samples),
        .number("mlm_probability", 0.15, .above(0, upTo: 1), .training),
        .number("mean_noise_span_length", 3, .from(1), .training),
        .number("mask_replace_prob", 0.8, .from(0, upTo: 1), .training),
        .number("random_replace_prob", 0.1, .from(0, upTo: 1), .training),
        .choice(
            "mask_unit", MaskUnit.token.rawValue, MaskUnit.allCases.map(\.rawValue), .training),
        .boolean("whole_word_mask", false, .samples),
        .integer("max_predictions_per_seq", nil, .from(1), .training),
        .text("phrase_file", nil, .training),
        .number("phrase_rate", 0.5, .from(0, upTo: 1), .training),
        .number("short_seq_prob", 0.1, .from(0, upTo: 1), .training),
        .number("disc_weight", 50, .above(0), .training),
        .number("generator_hidden_size", 0.25, .above(0, upTo: 1), .training),
        .number("fim_rate", 0.5, .from(0, upTo: 1), .training),
        .number("fim_spm_rate", 0.5, .from(0, upTo: 1), .training),
        .number("gpt_rate", 0, .from(0, upTo: 1), .training),
        .number("gpt_min_ratio", 0.25, .from(0, upTo: 1), .training),
        .list("ul2_rates", ["0.4", "0.2", "0.4"], .training),
    ]

    /// Objectives that hide tokens in their places, all of which replace them as BERT does but ELECTRA.
    private static let masks: [Objective] = [.masked, .maskedPairs]
    private static let replacing: [Objective] = [.masked, .maskedPairs, .phrases]
    private static let hiding: [Objective] = [
        .masked, .maskedPairs, .phrases, .replacedTokens, .spanCorruption, .blankInfilling,
    ]

    /// Keys, and the objectives that have them.
    private static let uses: [(key: String, objectives: [Objective])] = [
        ("mlm_probability", hiding),
        ("mean_noise_span_length", [.spanCorruption, .blankInfilling]),
        ("mask_replace_prob", replacing), ("random_replace_prob", replacing),
        ("mask_unit", masks), ("whole_word_mask", masks), ("max_predictions_per_seq", masks),
        ("phrase_file", [.phrases]), ("phrase_rate", [.phrases]),
        ("short_seq_prob", [.maskedPairs]),
        ("disc_weight", [.replacedTokens]), ("generator_hidden_size", [.replacedTokens]),
        ("fim_rate", [.fillInTheMiddle]), ("fim_spm_rate", [.fillInTheMiddle]),
        ("gpt_rate", [.blankInfilling]), ("gpt_min_ratio", [.blankInfilling]),
        ("ul2_rates", [.denoiserMixture]),
    ]

    init(_ settings: ConfigurationSettings) {
        objective = settings.optionalChoice("objective")
        mlmProbability = settings.number("mlm_probability")
        meanNoiseSpanLength = settings.number("mean_noise_span_length")
        maskReplaceProb = settings.number("mask_replace_prob")
        randomReplaceProb = settings.number("random_replace_prob")
        maskUnit = settings.choice("mask_unit")
        wholeWordMask = settings.boolean("whole_word_mask")
        maxPredictionsPerSeq = settings.optionalInteger("max_predictions_per_seq")
        phraseFile = settings.optionalText("phrase_file")
        phraseRate = settings.number("phrase_rate")
        shortSeqProb = settings.number("short_seq_prob")
        discWeight = settings.number("disc_weight")
        generatorHiddenSize = settings.number("generator_hidden_size")
        fimRate = settings.number("fim_rate")
        fimSPMRate = settings.number("fim_spm_rate")
        gptRate = settings.number("gpt_rate")
        gptMinRatio = settings.number("gpt_min_ratio")
        ul2Rates = settings.list("ul2_rates").compactMap(Double.init)
    }
}

extension PretrainingSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.samples.contains(settings.command) else { return }
        let objective: Objective? = settings.optionalChoice("objective")
        if objective != nil, settings.stage != .pretraining {
            throw settings.contradiction(
                ["objective", "stage"], "an objective is chosen with stage: pt; leave it out")
        }
        for (key, objectives) in uses where settings.isChanged(key) {
            let isUsed = objective.map(objectives.contains) ?? true
            guard settings.stage == .pretraining, isUsed else {
                throw settings.contradiction(
                    [key, objective == nil ? "stage" : "objective"],
                    "it belongs to stage: pt with objective: "
                        + objectives.map(\.rawValue).joined(separator: " or ") + "; leave it out")
            }
        }
        guard settings.command != .prepare else { return }
        try checkMasks(settings)
        try checkRates(settings)
        if objective == .phrases, settings["phrase_file"] == .none {
            throw .missing(
                key: "phrase_file",
                reason: "objective: ernie hides phrases; give a file with one in each line")
        }
        if objective != nil, objective != .causal,
            settings.number("label_smoothing_factor") > 0
        {
            throw settings.contradiction(
                ["label_smoothing_factor", "objective"],
                "the loss of \(objective?.rawValue ?? "") is not smoothed; leave it out")
        }
    }

    private static func checkRates(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let words = settings.list("ul2_rates")
        let rates = words.compactMap(Double.init).filter { $0 >= 0 && $0 <= 1 }
        guard rates.count == 3, words.count == 3, rates.contains(where: { $0 > 0 }) else {
            throw .outOfRange(
                key: "ul2_rates", found: "'\(words.joined(separator: ","))'",
                expected: "three parts from 0 to 1, of R, S and X, such as 0.4,0.2,0.4",
                place: settings.place("ul2_rates"))
        }
    }

    private static func checkMasks(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let sum = settings.number("mask_replace_prob") + settings.number("random_replace_prob")
        if sum > 1 {
            throw settings.contradiction(
                ["mask_replace_prob", "random_replace_prob"],
                "they are parts of the chosen tokens and come to \(sum); expected at most 1")
        }
        let unit: MaskUnit = settings.choice("mask_unit")
        if settings.isChanged("max_predictions_per_seq"), unit != .word {
            throw settings.contradiction(
                ["max_predictions_per_seq", "mask_unit"],
                "it limits what mask_unit: word hides; leave it out")
        }
        guard settings.boolean("whole_word_mask") else { return }
        if unit != .token {
            throw settings.contradiction(
                ["whole_word_mask", "mask_unit"],
                "the one chooses each word by itself, the other words or spans up to a share of "
                    + "the tokens; keep one")
        }
        for key in ["mask_replace_prob", "random_replace_prob"] where settings.isChanged(key) {
            throw settings.contradiction(
                [key, "whole_word_mask"],
                "words are always replaced by the mask then, as in transformers; leave it out, or "
                    + "take mask_unit: word")
        }
    }
}
