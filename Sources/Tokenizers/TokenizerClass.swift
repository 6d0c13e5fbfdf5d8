/// The classes of transformers that make a tokenizer of the vocabulary and merges of tokenizer.json by
/// rules of their own, whatever else the file says. Source: transformers 5.23,
/// models/*/tokenization_*.py and models/auto/tokenization_auto.py.
enum TokenizerClass: String, CaseIterable {
    case llama = "LlamaTokenizer"
    case gpt2 = "GPT2Tokenizer"
    case gptNeoX = "GPTNeoXTokenizer"
    case qwen2 = "Qwen2Tokenizer"
    case qwen35 = "Qwen3_5Tokenizer"
    case gemma = "GemmaTokenizer"
    case cohere = "CohereTokenizer"
    case bert = "BertTokenizer"
    case mpnet = "MPNetTokenizer"
    case roberta = "RobertaTokenizer"
    case xlmRoberta = "XLMRobertaTokenizer"
    case t5 = "T5Tokenizer"
    case albert = "AlbertTokenizer"

    /// What AutoTokenizer chooses: a class with rules, or `nil` for tokenizer.json as it is.
    ///
    /// - Parameters:
    ///   - name: `tokenizer_class`.
    ///   - modelType: `model_type` of config.json, where it lies beside.
    ///   - hasBytes: tokenizer.json speaks of ByteLevel.
    /// - Throws: ``TokenizerError/unsupported(file:key:found:supported:)`` for a class whose rules are
    ///   not known here.
    static func chosen(
        name: String?, modelType: String?, hasBytes: Bool
    ) throws(TokenizerError) -> TokenizerClass? {
        let name = name.map { $0.hasSuffix("Fast") ? String($0.dropLast(4)) : $0 }
        let registered = modelType.flatMap { Self.registered[$0] }
        let isIncorrect = modelType.map { incorrect.contains($0) } ?? false
        guard let name else {
            return try registered.flatMap { (name) throws(TokenizerError) in try rules(name) }
        }
        // What is said to be tokenizer.json as it is stays so, for models too that transformers 5 takes
        // for wrong about it: else a tokenizer of one's own would change when it is saved and read.
        if ["PreTrainedTokenizer", asFile].contains(name) { return nil }
        // Llama 3's files say so, and are byte-level.
        if name == llama.rawValue, hasBytes, !isIncorrect { return nil }
        if let registered, registered != name {
            if registered == asFile { return nil }
            return try rules(isIncorrect ? registered : name)
        }
        return try rules(name)
    }

    private static let asFile = "TokenizersBackend"

    private static func rules(_ name: String) throws(TokenizerError) -> TokenizerClass? {
        if let known = TokenizerClass(rawValue: aliases[name] ?? name) { return known }
        guard others.contains(name) else { return nil }
        throw .unsupported(
            file: TokenizerConfiguration.file, key: "tokenizer_class", found: name,
            supported: allCases.map(\.rawValue).joined(separator: ", ")
                + ", and PreTrainedTokenizerFast, which takes tokenizer.json as it is")
    }

    /// Tokens that play a part where the files name none.
    var defaults: [(key: String, content: String)] {
        let end = "<|endoftext|>"
        switch self {
        case .llama: return [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]
        case .gpt2: return [("bos_token", end), ("eos_token", end), ("unk_token", end)]
        case .gptNeoX:
            return [
                ("bos_token", end), ("eos_token", end), ("unk_token", end),
                ("pad_token", "<|padding|>"),
            ]
        case .qwen2, .qwen35:
            return [("eos_token", end), ("unk_token", end), ("pad_token", end)]
        case .gemma:
            return [
                ("bos_token", "<bos>"), ("eos_token", "<eos>"), ("unk_token", "<unk>"),
                ("pad_token", "<pad>"), ("mask_token", "<mask>"),
            ]
        case .cohere:
            return [
                ("bos_token", "<BOS_TOKEN>"), ("eos_token", "<|END_OF_TURN_TOKEN|>"),
                ("unk_token", "<UNK>"), ("sep_token", "<SEP>"), ("pad_token", "<PAD>"),
                ("cls_token", "<CLS>"), ("mask_token", "<MASK_TOKEN>"),
            ]
        case .bert:
            return [
                ("unk_token", "[UNK]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"),
                ("cls_token", "[CLS]"), ("mask_token", "[MASK]"),
            ]
        case .mpnet:
            return Self.robertaNames.map { $0.key == "unk_token" ? ($0.key, "[UNK]") : $0 }
        case .roberta, .xlmRoberta: return Self.robertaNames
        case .t5:
            return [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")]
        case .albert:
            return [
                ("bos_token", "[CLS]"), ("eos_token", "[SEP]"), ("unk_token", "<unk>"),
                ("sep_token", "[SEP]"), ("pad_token", "<pad>"), ("cls_token", "[CLS]"),
                ("mask_token", "[MASK]"),
            ]
        }
    }

    private static let robertaNames: [(key: String, content: String)] = [
        ("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>"), ("sep_token", "</s>"),
        ("pad_token", "<pad>"), ("cls_token", "<s>"), ("mask_token", "<mask>"),
    ]

    /// The kind of model that the class is made for.
    var modelType: TokenizerDefinition.ModelType {
        switch self {
        case .bert, .mpnet: .wordPiece
        case .xlmRoberta, .t5, .albert: .unigram
        default: .bytePair
        }
    }

    /// Puts the class's rules in the place of the file's. Added tokens go: those that count are added
    /// anew.
    ///
    /// - Throws: ``TokenizerError`` for another model than the class's, and for settings of the class
    ///   that cannot be.
    func apply(
        to definition: inout TokenizerDefinition, _ settings: TokenizerConfiguration
    ) throws(TokenizerError) {
        guard definition.modelType == modelType else {
            throw .unsupported(
                file: TokenizerConfiguration.file, key: "tokenizer_class",
                found: "\(rawValue) with a \(definition.modelType.rawValue) model",
                supported: "it with \(modelType.rawValue); "
                    + "PreTrainedTokenizerFast takes tokenizer.json as it is")
        }
        definition.addedTokens = []
        if modelType == .wordPiece { return try applyWordPiece(to: &definition, settings) }
        if modelType == .unigram { return try applyUnigram(to: &definition, settings) }
        definition.normalizer = normalizer
        definition.ignoresMerges = false
        definition.unknownToken = self == .gemma ? settings.name("unk_token") ?? "<unk>" : nil
        definition.fusesUnknown = self == .llama || self == .gemma
        definition.fallsBackToBytes = definition.fusesUnknown
        let prefix = settings.addsPrefixSpace ?? (self == .llama)
        definition.preTokenizer = preTokenizer(
            prefix: prefix, isLegacy: settings.isLegacy ?? false)
        definition.decoder = decoder(stripsPrefix: prefix)
        if self == .gptNeoX { definition.postProcessor = .none }
    }

    private var normalizer: TextNormalizer {
        switch self {
        case .llama, .gpt2, .roberta, .bert, .mpnet, .xlmRoberta, .t5, .albert: .none
        case .gptNeoX, .qwen2, .qwen35, .cohere: .nfc
        case .gemma: TextNormalizer(steps: [.replace(" ", with: Metaspace.mark)])
        }
    }

    private func preTokenizer(prefix: Bool, isLegacy: Bool) -> PreTokenizer {
        let space: [PreTokenizer.Stage] = prefix ? [.prefixSpace] : []
        switch self {
        case .llama:
            let prepends: Metaspace.Prepending = prefix ? isLegacy ? .always : .first : .never
            let rule = Metaspace(replacement: Metaspace.mark, prepends: prepends, splits: false)
            return PreTokenizer(stages: [.metaspace(rule)], isByteLevel: false)
        case .gpt2, .gptNeoX, .roberta, .bert, .mpnet, .xlmRoberta, .t5, .albert:
            return PreTokenizer(stages: space + [.split(.gpt2)])
        case .qwen2: return PreTokenizer(stages: [.split(.qwen2)] + space)
        case .qwen35: return PreTokenizer(stages: [.split(.qwen35)] + space)
        case .gemma:
            return PreTokenizer(stages: [.separator(" ", .mergedWithPrevious)], isByteLevel: false)
        case .cohere:
            return PreTokenizer(stages: [.digits(individual: true)] + space + [.split(.gpt2)])
        }
    }

    private func decoder(stripsPrefix: Bool) -> TokenDecoder {
        guard self == .llama || self == .gemma else { return .byteLevel }
        return .marked(stripsPrefix: self == .llama && stripsPrefix)
    }
}
