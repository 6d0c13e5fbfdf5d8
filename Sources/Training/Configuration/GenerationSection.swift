package import Models

/// How text is sampled from a model.
package struct GenerationSection: Sendable {
    /// Whether tokens are drawn; otherwise the likeliest is taken.
    package let doSample: Bool
    package let temperature: Double
    package let topP: Double
    /// The number of likeliest tokens kept; 0 keeps all.
    package let topK: Int
    package let maxNewTokens: Int
    package let repetitionPenalty: Double
    package let skipSpecialTokens: Bool
    /// Beginnings that a beam search follows; with one there is none.
    package let beams: BeamSettings

    static let keys = ConfigurationKey.joined(
        [
            .boolean("do_sample", true, .predicting),
            .number("temperature", 0.95, .from(0), .predicting),
            .number("top_p", 0.7, .above(0, upTo: 1), .predicting),
            .integer("top_k", 50, .from(0), .predicting),
            .integer("max_new_tokens", 1024, .from(1), .predicting),
            .number("repetition_penalty", 1, .above(0), .predicting),
            .integer("num_beams", 1, .from(1).within(1000), .predicting),
            .integer("eval_num_beams", nil, .from(1).within(1000), [.train]),
            .integer("generation_num_beams", nil, .from(1).within(1000), [.train]),
            .number("length_penalty", 1, .any, .predicting),
            .boolean("skip_special_tokens", true, .predicting),
        ],
        .noEffect("default_system gives the text of the system", ["system_message"]),
        .dormant([
            "infer_backend",
            "vllm_maxlen", "vllm_gpu_util", "vllm_enforce_eager", "vllm_max_lora_rank",
            "vllm_config", "sglang_maxlen", "sglang_mem_fraction", "sglang_tp_size",
            "sglang_config", "sglang_lora_backend",
        ]))

    init(_ settings: ConfigurationSettings) {
        doSample = settings.boolean("do_sample") && settings.number("temperature") > 0
        temperature = settings.number("temperature")
        topP = settings.number("top_p")
        topK = settings.integer("top_k")
        maxNewTokens = settings.integer("max_new_tokens")
        repetitionPenalty = settings.number("repetition_penalty")
        skipSpecialTokens = settings.boolean("skip_special_tokens")
        var beams = BeamSettings(count: settings.integer("num_beams"))
        beams.lengthPenalty = settings.number("length_penalty")
        self.beams = beams
    }
}

extension GenerationSection {
    /// How tokens are chosen.
    var sampling: SamplingSettings {
        var sampling = SamplingSettings()
        sampling.temperature = doSample ? temperature : 0
        sampling.topK = topK
        sampling.topP = topP
        sampling.repetitionPenalty = repetitionPenalty
        sampling.beams = beams
        return sampling
    }
}

extension GenerationSection: ConfigurationSection {
    /// The keys that name the beams of a search.
    private static let beamKeys = ["num_beams", "eval_num_beams", "generation_num_beams"]

    /// Makes `num_beams` what any of the keys says.
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        let given = beamKeys.filter(settings.isGiven)
        let counts = given.compactMap(settings.optionalInteger)
        guard let count = counts.first else { return }
        if counts.contains(where: { $0 != count }) {
            throw .contradiction(
                keys: given, reason: "a run has one number of beams; keep one of the keys",
                place: settings.place(given[0]))
        }
        settings.resolve("num_beams", .integer(count))
    }

    /// Several beams are searched, not drawn from.
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let draws = settings.boolean("do_sample") && settings.number("temperature") > 0
        // A run without predictions needs none, and a model may say itself that chat draws nothing.
        let isTold =
            settings.command == .train
            ? settings.boolean("predict_with_generate") : settings.isGiven("do_sample")
        guard settings.integer("num_beams") > 1, draws, isTold else { return }
        throw .contradiction(
            keys: [beamKeys.first(where: settings.isGiven) ?? beamKeys[0], "do_sample"],
            reason: "drawing among beams is not supported; set do_sample: false, or one beam",
            place: settings.place(beamKeys.first(where: settings.isGiven) ?? beamKeys[0]))
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard settings.isChanged("length_penalty"), settings.integer("num_beams") == 1,
            settings.command == .train
        else { return }
        settings.note("length_penalty: not used, since num_beams is 1")
    }
}
