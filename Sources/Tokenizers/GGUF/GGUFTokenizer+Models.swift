import Files
import Foundation

extension GGUFTokenizer {
    /// Byte-level BPE: GPT-2's, Llama 3's, Qwen's and the like.
    func bytePairDefinition() throws(TokenizerError) -> TokenizerDefinition {
        let words = try GGUFWords(pre: pre ?? (architecture == "gpt2" ? "gpt-2" : nil))
        let vocabulary = try vocabulary()
        let pairs = merges.map { JSONValue.array($0.map { .string($0) }) }
        var definition = TokenizerDefinition(
            tokens: vocabulary.tokens, merges: try vocabulary.merges(pairs, file: Self.file),
            addedTokens: addedTokens, normalizer: words.normalizer,
            preTokenizer: words.preTokenizer)
        definition.postProcessor = try postProcessor(begin: words.addsBeginOfText, end: false)
        definition.ignoresMerges = words.ignoresMerges
        return definition
    }

    /// SentencePiece's BPE, whose merges follow from the scores: Llama's, Mistral's, Gemma's.
    func sentencePieceDefinition() throws(TokenizerError) -> TokenizerDefinition {
        let vocabulary = try vocabulary()
        let prefixes = addsSpacePrefix ?? true
        let replace = TextNormalizer.Step.replace(" ", with: Metaspace.mark)
        var definition = TokenizerDefinition(
            tokens: vocabulary.tokens, merges: try scoredMerges(vocabulary),
            addedTokens: addedTokens,
            normalizer: TextNormalizer(
                steps: (prefixes ? [.prepend(Metaspace.mark)] : []) + [replace]),
            preTokenizer: PreTokenizer(stages: [], isByteLevel: false))
        definition.postProcessor = try postProcessor(begin: true, end: false)
        definition.unknownToken = unknownToken.map { tokens[$0] }
        definition.fusesUnknown = true
        definition.fallsBackToBytes = vocabulary.byteTokens.allSatisfy { $0 >= 0 }
        var parts: [JSONValue] = [
            .typed(
                "Replace",
                [
                    (
                        "pattern",
                        .object([(key: "String", value: .string(Metaspace.mark))])
                    ),
                    ("content", .string(" ")),
                ]),
            .typed("ByteFallback", []), .typed("Fuse", []),
        ]
        if prefixes {
            parts.append(
                .typed(
                    "Strip",
                    [("content", .string(" ")), ("start", .int(1)), ("stop", .int(0))]))
        }
        definition.decoder = try TokenDecoder(
            .typed("Sequence", [("decoders", .array(parts))]), file: Self.file)
        return definition
    }

    /// SentencePiece's Unigram: T5's.
    func unigramDefinition() throws(TokenizerError) -> TokenizerDefinition {
        let vocabulary = try vocabulary()
        guard let scores, let unknown = unknownToken else {
            throw .invalid(
                file: Self.file,
                key: "tokenizer.ggml.\(scores == nil ? "scores" : "unknown_token_id")",
                found: "nothing", expected: "what a t5 vocabulary needs")
        }
        let steps = try tableSteps()
        let rule = Metaspace(
            replacement: Metaspace.mark, prepends: addsSpacePrefix ?? true ? .always : .never,
            splits: true)
        let removes = removesExtraSpaces ?? true
        var definition = TokenizerDefinition(
            tokens: vocabulary.tokens, merges: [], addedTokens: addedTokens,
            normalizer: TextNormalizer(steps: steps),
            preTokenizer: PreTokenizer(
                stages: (removes ? [.whitespace] : []) + [.metaspace(rule)], isByteLevel: false))
        definition.scores = scores.map(Double.init)
        definition.unknownToken = tokens[unknown]
        definition.postProcessor = try postProcessor(begin: false, end: true)
        definition.decoder = try TokenDecoder(rule.json, file: Self.file)
        return definition
    }

    /// SentencePiece's table of replacements, where there is one.
    ///
    /// - Parameter takesLongest: its keys are looked up as SentencePiece does.
    func tableSteps(
        takesLongest: Bool = false
    ) throws(TokenizerError) -> [TextNormalizer.Step] {
        guard let precompiledMap, !precompiledMap.isEmpty else { return [] }
        let text = Data(precompiledMap).base64EncodedString()
        guard let map = PrecompiledMap(base64: text, takesLongest: takesLongest) else {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.precompiled_charsmap",
                found: "\(precompiledMap.count) bytes", expected: "SentencePiece's table")
        }
        return [.precompiled(map)]
    }

    private var unknownToken: Int? {
        unknown ?? tokens.indices.first { type(of: $0) == .unknown }
    }

    /// Merges that pick the pairs SentencePiece picks: those whose union has the largest score.
    ///
    /// The order among equals is that of transformers' `generate_merges`: the longer left part,
    /// then the longer right part, then the union's id, then the ids of the parts.
    private func scoredMerges(_ vocabulary: Vocabulary) throws(TokenizerError) -> [Merge] {
        guard let scores else {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.scores", found: "nothing",
                expected: "a score for each token")
        }
        var trie = ByteTrie(capacity: tokens.count * 4)
        for (id, token) in tokens.enumerated() where isPiece(id) {
            trie.insert(token.utf8, number: Int32(id), replaces: true)
        }
        var found: [(merge: Merge, lengths: (Int, Int))] = []
        for (id, token) in tokens.enumerated() where isPiece(id) {
            let bytes = Array(token.utf8)
            let length = token.unicodeScalars.count
            var node = 0
            var characters = 0
            for index in bytes.indices.dropLast() {
                node = trie.next(node, bytes[index])
                if node < 0 { break }
                guard bytes[index + 1] & 0xC0 != 0x80 else { continue }
                characters += 1
                let left = trie.ending(node)
                if left < 0 { continue }
                let right = trie.number(of: bytes[(index + 1)...])
                if right < 0 { continue }
                let merge = Merge(left: left, right: right, merged: Int32(id))
                found.append((merge, (characters, length - characters)))
            }
        }
        let order = found.sorted { first, second in
            let (one, two) = (first.merge, second.merge)
            let (high, low) = (scores[Int(one.merged)], scores[Int(two.merged)])
            if high != low { return high > low }
            if first.lengths != second.lengths { return first.lengths > second.lengths }
            return (one.merged, one.left, one.right) < (two.merged, two.left, two.right)
        }
        return order.map(\.merge)
    }

    /// Whether merging may make or use a token.
    private func isPiece(_ id: Int) -> Bool {
        switch type(of: id) {
        case .normal, .userDefined, .unused: !tokens[id].isEmpty
        case .unknown, .control, .byte: false
        }
    }
}
