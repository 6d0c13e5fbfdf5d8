/// The classes of encoders and of T5: their rules, and the tokens that they put around texts. Source:
/// transformers 5.23, models/{bert,mpnet,roberta,xlm_roberta,t5,albert}/tokenization_*.py.
extension TokenizerClass {
    /// BERT's and MPNet's.
    func applyWordPiece(
        to definition: inout TokenizerDefinition, _ settings: TokenizerConfiguration
    ) throws(TokenizerError) {
        definition.normalizer = .bert(
            BertRules(
                spacesIdeographs: try settings.flag("tokenize_chinese_chars") ?? true,
                stripsAccents: try settings.flag("strip_accents"),
                lowercases: try settings.flag("do_lower_case") ?? true))
        definition.preTokenizer = .bert
        let rules = WordPieceRules()
        definition.decoder = .wordPiece(rules.continuation)
        definition.wordPieces = rules
        let unknown = settings.name("unk_token") ?? "[UNK]"
        guard Vocabulary(tokens: definition.tokens).id(of: unknown) != nil else {
            throw .invalid(
                file: TokenizerConfiguration.file, key: "unk_token", found: "\"\(unknown)\"",
                expected: "a token of the vocabulary")
        }
        definition.unknownToken = unknown
    }

    /// XLM-R's, T5's and ALBERT's: of the file's normalizer its table counts, and the unknown piece has a
    /// place of its own.
    func applyUnigram(
        to definition: inout TokenizerDefinition, _ settings: TokenizerConfiguration
    ) throws(TokenizerError) {
        let table = definition.normalizer.steps.first { step in
            if case .precompiled = step { true } else { false }
        }
        let own = self == .albert ? try albertSteps(settings) : []
        definition.normalizer = TextNormalizer(steps: own + (table.map { [$0] } ?? []))
        let prefix = self == .t5 || settings.addsPrefixSpace ?? true
        let rule = Metaspace(
            replacement: Metaspace.mark, prepends: prefix ? .always : .never, splits: true)
        definition.preTokenizer = PreTokenizer(
            stages: [.whitespace, .metaspace(rule)], isByteLevel: false)
        definition.decoder = .metaspace(rule)
        let place = self == .albert ? 1 : self == .t5 ? 2 : 3
        guard definition.tokens.indices.contains(place), let unknown = definition.tokens[place]
        else {
            throw .invalid(
                file: "tokenizer.json", key: "model.vocab",
                found: "\(definition.tokens.count) pieces",
                expected: "the unknown piece of \(rawValue) at place \(place)")
        }
        definition.unknownToken = unknown
        definition.fallsBackToBytes = false
    }

    /// What ALBERT does to texts before SentencePiece's table.
    private func albertSteps(
        _ settings: TokenizerConfiguration
    ) throws(TokenizerError) -> [TextNormalizer.Step] {
        var steps: [TextNormalizer.Step] = [
            .replace("``", with: "\""), .replace("''", with: "\""),
        ]
        if try !(settings.flag("keep_accents") ?? false) { steps += [.nfkd, .stripAccents] }
        if try settings.flag("do_lower_case") ?? true { steps.append(.lowercase) }
        return steps
    }

    /// T5's sentinels are tokens of such a tokenizer, whether its vocabulary has them or not, unless the
    /// files name other extra tokens in their place.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an impossible `extra_ids`.
    func addSentinels(to settings: inout TokenizerConfiguration) throws(TokenizerError) {
        guard self == .t5 else { return }
        try settings.addSentinels(try settings.count("extra_ids") ?? 100)
    }

    /// The class's template of texts and pairs, made of tokens that are known by now.
    func template(
        for definition: TokenizerDefinition, _ settings: TokenizerConfiguration
    ) throws(TokenizerError) -> PostProcessor? {
        let vocabulary = Vocabulary(tokens: definition.tokens)
        func token(_ key: String) -> (token: String, id: Int32)? {
            guard let name = settings.name(key) else { return nil }
            let added = definition.addedTokens.first { $0.content.utf8.elementsEqual(name.utf8) }
            return (added?.id ?? vocabulary.id(of: name)).map { (name, $0) }
        }
        let classifier = token("cls_token")
        let separator = token("sep_token")
        let end = token("eos_token")
        switch self {
        case .bert, .albert:
            guard let classifier, let separator else { return nil }
            return .bertTemplate(classifier, separator)
        case .roberta, .mpnet:
            guard let classifier, let separator else { return nil }
            let isRoberta = self == .roberta
            return .roberta(
                classifier, separator,
                trimsOffsets: isRoberta ? try settings.flag("trim_offsets") ?? true : true,
                addsPrefixSpace: isRoberta ? settings.addsPrefixSpace ?? false : false)
        case .xlmRoberta:
            guard let begin = token("bos_token"), let end else { return nil }
            return .xlmRobertaTemplate(begin, end)
        case .t5:
            guard let end else { return nil }
            return .t5Template(end)
        default: return nil
        }
    }
}
