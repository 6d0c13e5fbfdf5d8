package import Configuration
import Files

extension GenerationConfiguration {
    /// Keys that are used, by sampling or where a text ends, and those that change no text at
    /// these values.
    ///
    /// Source: transformers 5.23, `GenerationConfig` and `_get_logits_processor`.
    static var harmlessKeys: [String: HarmlessKey] {
        let any = used + bookkeeping + groupsOnly
        return Dictionary(any.map { ($0, HarmlessKey.always) }) { first, _ in first }.merging(
            unchanged
        ) { $1 }.merging(inGGUF) { $1 }
    }

    /// Keys of a GGUF file that generation_config.json has none for, with which llama.cpp draws as
    /// without them. The penalty's window is kept only where there is a penalty.
    private static var inGGUF: [String: HarmlessKey] {
        let keys: [String: HarmlessKey] = [
            "mirostat": .at([.int(0)]), "mirostat_tau": .always, "mirostat_eta": .always,
            "penalty_last_n": .at([.int(-1)]), "xtc_probability": .at([.int(0)]),
            "xtc_threshold": .always,
        ]
        return Dictionary(
            uniqueKeysWithValues: keys.map { (GGUFGeneration.prefix + $0.key, $0.value) })
    }

    /// What ``samplingDefaults(_:)``, ``length()`` and the stops take from the file.
    private static var used: [String] {
        [
            "bos_token_id", "do_sample", "early_stopping", "eos_token_id", "length_penalty",
            "max_length", "max_new_tokens", "min_p", "num_beams", "pad_token_id",
            "repetition_penalty", "temperature", "top_k", "top_p",
        ]
    }

    /// Keys that a config.json may have of it and that change a text.
    ///
    /// Source: transformers 5.23, `GenerationConfig.from_model_config`.
    static var keysOfModels: [String] {
        used + groupsOnly + unchanged.keys
    }

    /// What is returned besides the text, how it is computed, and marks of where the file is from.
    private static var bookkeeping: [String] {
        [
            "_from_model_config", "assistant_confidence_threshold", "assistant_early_exit",
            "assistant_lookbehind", "assistant_token_id", "cache_config",
            "chat_format", "compile_config", "continuous_batching_config", "decoder_start_token_id",
            "disable_compile", "is_assistant", "low_memory", "max_window_size",
            "num_assistant_tokens", "num_assistant_tokens_schedule", "output_attentions",
            "output_hidden_states", "output_logits", "output_scores", "prefill_chunk_size",
            "prompt_lookup_num_tokens", "max_matching_ngram_size", "remove_invalid_values",
            "renormalize_logits", "return_dict_in_generate", "return_legacy_cache",
            "target_lookbehind", "transformers_version", "trust_remote_code",
            "use_cache", "user_token_id",
        ]
    }

    /// What counts where beams are followed in groups.
    private static var groupsOnly: [String] { ["diversity_penalty"] }

    private static var unchanged: [String: HarmlessKey] {
        let nothing = HarmlessKey.when(supported: "no such key") { $0.isFalse }
        let one = HarmlessKey.at([.int(1)])
        let zero = HarmlessKey.at([.int(0)])
        return [
            "bad_words_ids": nothing, "begin_suppress_tokens": nothing,
            // All others hold the same numbers in other places.
            "cache_implementation": .when(supported: "any but quantized") {
                $0.string != "quantized"
            },
            "constraints": nothing,
            "dola_layers": nothing,
            "encoder_no_repeat_ngram_size": zero, "encoder_repetition_penalty": one,
            "epsilon_cutoff": zero, "eta_cutoff": zero,
            "exponential_decay_length_penalty": nothing, "force_words_ids": nothing,
            "forced_bos_token_id": nothing, "forced_eos_token_id": nothing,
            "guidance_scale": one, "max_time": nothing, "min_length": zero,
            "min_new_tokens": zero, "no_repeat_ngram_size": zero, "num_beam_groups": one,
            "num_return_sequences": one, "penalty_alpha": zero,
            "sequence_bias": nothing, "stop_strings": nothing, "suppress_tokens": nothing,
            "token_healing": nothing, "token_type_ids": nothing, "top_h": nothing,
            "typical_p": one, "use_mtp": nothing, "watermarking_config": nothing,
        ]
    }

    /// The settings that hold where the user gives none: the file's, else `fallback`'s.
    ///
    /// - Parameter given: keys that the user gives, whose value in `fallback` holds.
    /// - Returns: the settings, and the keys that the file gives, with their values.
    /// - Throws: ``ModelFileError/user(_:)`` for a value out of range.
    func samplingDefaults(
        _ fallback: SamplingSettings, given: Set<String> = []
    ) throws(ModelFileError) -> (settings: SamplingSettings, taken: [String]) {
        var settings = fallback
        var taken: [String] = []
        /// The number under a key.
        func number(
            _ key: String, _ expected: String, _ fits: (Double) -> Bool
        ) throws(ModelFileError) -> Double? {
            guard let value = value(key), !given.contains(key) else { return nil }
            guard let number = value.double, number.isFinite, fits(number) else {
                throw .user("\(source): \(key) is \(value.kind), expected \(expected)")
            }
            taken.append("\(key) \(value.text())")
            return number
        }
        if let value = try number("temperature", "a number of at least 0", { $0 >= 0 }) {
            settings.temperature = value
        }
        let samples = try flag("do_sample")
        if samples == false, !given.contains("do_sample") {
            taken.append("do_sample false")
            settings.temperature = 0
        }
        let isWhole = { (value: Double) in (0...1e9).contains(value) && value == value.rounded() }
        if let value = try number("top_k", "a whole number of at least 0", isWhole) {
            settings.topK = Int(value)
        }
        if let value = try number("top_p", "above 0, at most 1", { $0 > 0 && $0 <= 1 }) {
            settings.topP = value
        }
        if let value = try number("min_p", "0 to 1", { (0...1).contains($0) }) {
            settings.minP = value
        }
        if let value = try number("repetition_penalty", "a number above 0", { $0 > 0 }) {
            settings.repetitionPenalty = value
        }
        let isCount = { (value: Double) in (1...1000).contains(value) && value == value.rounded() }
        if let value = try number("num_beams", "a whole number from 1 to 1000", isCount) {
            settings.beams.count = Int(value)
            // Without do_sample transformers draws nothing.
            if value > 1, !given.contains("temperature"), samples != true {
                settings.temperature = 0
            }
        }
        if let value = try number("length_penalty", "a number", { _ in true }) {
            settings.beams.lengthPenalty = value
        }
        settings.beams.earlyStopping = try earlyStopping()
        try checkRenormalizing(settings)
        if settings.beams.count == 1 {
            taken.removeAll { $0.hasPrefix("num_beams ") || $0.hasPrefix("length_penalty ") }
        }
        return (settings, taken)
    }

    /// What a key switches; `nil` where it does not say.
    private func flag(_ key: String) throws(ModelFileError) -> Bool? {
        guard let value = value(key), value != .null else { return nil }
        guard let flag = value.bool else {
            throw .user("\(source): \(key) is \(value.text()), expected true or false")
        }
        return flag
    }

    /// A line for the user where tokens are drawn by the file's numbers although it does not say do_sample, for
    /// which transformers takes the likeliest.
    ///
    /// - Parameters:
    ///   - settings: those that hold in the end.
    ///   - taken: what of the file is in them, as ``samplingDefaults(_:given:)`` returns it.
    func drawingNote(_ settings: SamplingSettings, taken: [String]) -> String? {
        let drawing = ["temperature", "top_k", "top_p", "min_p"]
        guard value("do_sample") == nil,
            settings.temperature > 0, settings.topK != 1, settings.beams.count == 1,
            taken.contains(where: { line in drawing.contains { line.hasPrefix($0 + " ") } })
        else { return nil }
        return
            "\(name) does not say do_sample: tokens are drawn, which is Lockstep's default; transformers takes "
            + "the likeliest, as a temperature of 0 does here"
    }

    /// Throws where log probabilities would be made to add up again before beams are compared. A token that is drawn
    /// or the largest stays the same, and so do beams without a penalty.
    ///
    /// Source: transformers 5.23, `LogitNormalization`, the last processor of beam search.
    private func checkRenormalizing(_ settings: SamplingSettings) throws(ModelFileError) {
        guard try flag("renormalize_logits") == true, settings.beams.count > 1,
            settings.repetitionPenalty != 1
        else { return }
        throw .user(
            "\(source): renormalize_logits with \(settings.beams.count) beams (num_beams) and repetition_penalty "
                + "\(settings.repetitionPenalty) is not supported; give one beam, a penalty of 1, or leave the key "
                + "out")
    }

    /// How long a text may be; `nil` where the file does not say.
    ///
    /// As in transformers, `max_new_tokens` wins over `max_length`.
    /// - Returns: the length, and the key with its value.
    /// - Throws: ``ModelFileError/user(_:)`` for a value out of range.
    func length() throws(ModelFileError) -> (length: TextLength, taken: String)? {
        for key in ["max_new_tokens", "max_length"] {
            guard let value = value(key), value != .null else { continue }
            guard let count = value.integer, 1...2_147_483_647 ~= count else {
                throw .user(
                    "\(source): \(key) is \(value.kind), expected a whole number of at least 1 and at "
                        + "most 2147483647")
            }
            let length = key == "max_length" ? TextLength.whole(count) : TextLength.new(count)
            return (length: length, taken: "\(key) \(count)")
        }
        return nil
    }

    /// When a beam search ends.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for a value that is none.
    package func earlyStopping() throws(ModelFileError) -> BeamSettings.EarlyStopping {
        guard let value = value("early_stopping") else { return .guess }
        switch value {
        case .bool(let stops): return stops ? .always : .guess
        case .string("never"): return .never
        default:
            throw .user(
                "\(source): early_stopping is \(value.kind), expected true, false or \"never\"")
        }
    }

    /// `min_p`, 0 where it does not say any, for texts whose other settings come from a run.
    package func minP() throws(ModelFileError) -> Double {
        guard let value = value("min_p") else { return 0 }
        guard let number = value.double, (0...1).contains(number) else {
            throw .user("\(source): min_p is \(value.kind), expected 0 to 1")
        }
        return number
    }
}
