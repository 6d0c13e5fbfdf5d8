import Configuration
import Files
import Tokenizers
import WeightFiles

/// What generation_config.json says, in the keys of a GGUF file: which tokens end a text, and how
/// texts are drawn.
///
/// Source: gguf-py 0.19, `Keys.Tokenizer` and the recommended sampler parameters of `Keys.General`;
/// what the latter mean: llama.cpp's `common.cpp` and `llama-sampler.cpp`. Its converter fills them
/// from generation_config.json.
enum GGUFGeneration {
    static let prefix = "general.sampling."
    private static let tokens = "tokenizer.ggml."
    private static let penaltyWindow = prefix + "penalty_last_n"

    /// The file's names that have a key in generation_config.json.
    private static let keys: [(name: String, key: String)] = [
        ("temp", "temperature"), ("top_k", "top_k"), ("top_p", "top_p"), ("min_p", "min_p"),
        ("penalty_repeat", "repetition_penalty"),
    ]

    // MARK: Reading

    /// The tokens that end a text: of text, of turn, of message, and a list of them.
    static func endTokens(_ metadata: GGUFMetadata) throws(ModelFileError) -> [Int] {
        var ends: [Int] = []
        for key in ["eos_token_id", "eot_token_id", "eom_token_id"] {
            guard let id = try metadata.integer(tokens + key), !ends.contains(id) else { continue }
            ends.append(id)
        }
        for id in try metadata.integers(tokens + "eos_token_ids") ?? []
        where id >= 0 && !ends.contains(id) {
            ends.append(id)
        }
        return ends
    }

    /// How texts are drawn, as members of generation_config.json. What has no key there keeps the
    /// file's, for ``GenerationConfiguration/refuseUnused()`` to look at.
    static func sampling(_ metadata: GGUFMetadata) throws(ModelFileError) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        for (name, key) in keys where metadata.has(prefix + name) {
            let number = try metadata.real(prefix + name)
            // What lies below these switches the sampler off there.
            switch name {
            case "temp" where number <= 0: members.append(("do_sample", .bool(false)))
            case "top_k": members.append((key, whole(max(number, 0))))
            case "top_p": members.append((key, GGUFHyperparameters.number(min(number, 1))))
            case "min_p": members.append((key, GGUFHyperparameters.number(max(number, 0))))
            default: members.append((key, GGUFHyperparameters.number(number)))
            }
        }
        let draws = ["temperature", "top_k", "top_p", "min_p"]
        let isSettled = members.contains { $0.key == "do_sample" }
        if !isSettled, members.contains(where: { draws.contains($0.key) }) {
            members.append(("do_sample", .bool(true)))
        }
        let known = keys.map { prefix + $0.name }
        for member in metadata.members(below: prefix) where !known.contains(member.key) {
            if member.key == penaltyWindow {
                let penalty = members.firstIndex { $0.key == "repetition_penalty" }
                guard let penalty, members[penalty].value.double != 1 else { continue }
                if member.value.integer == 0 {
                    members.remove(at: penalty)
                    continue
                }
            }
            members.append(member)
        }
        return members
    }

    private static func whole(_ number: Double) -> JSONValue {
        Int(exactly: number).map { .int($0) } ?? .double(number)
    }

    // MARK: Writing

    /// The keys for a generation configuration.
    ///
    /// - Parameter tokenizer: whose own end of text the file has already.
    /// - Throws: ``ModelFileError/user(_:)`` for a value out of range.
    static func metadata(
        _ generation: GenerationConfiguration, _ tokenizer: (any Tokenizer)?
    ) throws(ModelFileError) -> [(key: String, value: GGUFValue)] {
        // Checks the ranges.
        _ = try generation.samplingDefaults(SamplingSettings())
        return endKeys(generation, tokenizer) + samplingKeys(generation)
    }

    /// llama.cpp takes three tokens that end a text, Ollama a list.
    private static func endKeys(
        _ generation: GenerationConfiguration, _ tokenizer: (any Tokenizer)?
    ) -> [(key: String, value: GGUFValue)] {
        let all = endTokens(generation, tokenizer)
        var rest = all
        var result: [(key: String, value: GGUFValue)] = []
        func write(_ key: String, _ id: Int) {
            result.append((tokens + key, .uint32(UInt32(clamping: id))))
            rest.removeAll { $0 == id }
        }
        if let own = tokenizer?.endOfText {
            rest.removeAll { $0 == Int(own) }
        } else if let first = all.first,
            tokenizer?.addedTokens.contains(where: { Int($0.id) == first }) ?? true
        {
            // Any other token would be matched in the text itself, were it the end of it.
            write("eos_token_id", first)
        }
        let message = rest.first { tokenizer?.token(of: Int32(clamping: $0)) == "<|eom_id|>" }
        if let turn = rest.first(where: { $0 != message }) { write("eot_token_id", turn) }
        if let message = message ?? rest.first { write("eom_token_id", message) }
        if all.count > 1 {
            result.append((tokens + "eos_token_ids", .int32s(all.map { Int32(clamping: $0) })))
        }
        return result
    }

    private static func endTokens(
        _ generation: GenerationConfiguration, _ tokenizer: (any Tokenizer)?
    ) -> [Int] {
        let own = tokenizer?.endOfText.map { [Int($0)] } ?? []
        var known: Set<Int> = []
        return (own + generation.endTokens).filter { known.insert($0).inserted }
    }

    private static func samplingKeys(
        _ generation: GenerationConfiguration
    ) -> [(key: String, value: GGUFValue)] {
        let isGreedy = generation.value("do_sample")?.bool == false
        var result: [(key: String, value: GGUFValue)] = []
        for (name, key) in keys {
            var number = generation.value(key)?.double
            if name == "temp", isGreedy { number = 0 }
            guard let number else { continue }
            result.append(
                (prefix + name, name == "top_k" ? .int32(Int32(number)) : .float32(Float(number))))
            // llama.cpp looks at 64 tokens otherwise, transformers at all.
            if name == "penalty_repeat", number != 1, generation.value(penaltyWindow) == nil {
                result.append((penaltyWindow, .int32(-1)))
            }
        }
        for (key, value) in generation.members where key.hasPrefix(prefix) {
            switch value {
            case .string(let text): result.append((key, .string(text)))
            case .bool(let flag): result.append((key, .bool(flag)))
            default:
                if let whole = value.integer.flatMap(Int32.init(exactly:)) {
                    result.append((key, .int32(whole)))
                } else if let number = value.double {
                    result.append((key, .float32(Float(number))))
                }
            }
        }
        return result
    }

    /// Throws unless the same tokens end a text where the keys are read back.
    ///
    /// - Throws: ``ModelFileError/user(_:)``
    static func check(
        _ metadata: GGUFMetadata, _ generation: GenerationConfiguration,
        _ tokenizer: (any Tokenizer)?
    ) throws(ModelFileError) {
        let (ends, found) = (endTokens(generation, tokenizer), try endTokens(metadata))
        guard Set(ends) == Set(found) else {
            throw .user(
                "\(generation.source): the tokens \(ends) end a text, but it would be \(found) in the "
                    + "GGUF file; export a Hugging Face folder without export_gguf")
        }
    }
}
