import Synchronization

/// A tokenizer as Hugging Face's tokenizer.json describes it: added tokens are found, the text
/// between them is normalized and cut into words, and a model turns words into ids.
///
/// Words met before are looked up, not worked out again: each thread that encodes borrows a memory
/// of words from a pool.
package final class TokenizerPipeline: Tokenizer {
    /// What the tokenizer was made of.
    let definition: TokenizerDefinition
    package let names: SpecialTokenNames
    package let fileText: String
    package let hash: UInt64
    package let vocabularySize: Int
    package let furtherFiles: [String: [UInt8]]

    private let vocabulary: Vocabulary
    let model: Model
    let preTokenizer: PreTokenizer
    let classes: ScalarClasses
    let normalizer: NormalizationEngine
    let rawMatcher: AddedTokenMatcher
    let normalizedMatcher: AddedTokenMatcher
    /// The token that each id decodes from: of an added token that is looked for in normalized text
    /// its normalized form, as in Hugging Face's decoding.
    private let decodedTokens: [String?]
    /// The bytes that each id decodes to within a text.
    private let spellings: [[UInt8]]
    private let alphabet = ByteAlphabet()
    private let special: Set<Int32>
    private let pool = Mutex<[EncodingMemory]>([])
    /// Bytes of each token, once they were asked for.
    let keptLengths = Mutex<[Int32]?>(nil)
    private static let keptBytes = 1 << 24

    /// What turns words into ids.
    enum Model {
        case bytePair(BytePairModel)
        case unigram(UnigramModel)
        case wordPiece(WordPieceModel)
    }

    /// A tokenizer of `definition`.
    ///
    /// - Parameters:
    ///   - fileText: the tokenizer.json it was read from; written anew if `nil`.
    ///   - furtherFiles: files of other programs that hold the same.
    package convenience init(
        _ definition: TokenizerDefinition, names: SpecialTokenNames, fileText: String? = nil,
        furtherFiles: [String: [UInt8]] = [:]
    ) {
        self.init(definition, names, fileText ?? definition.fileText(), furtherFiles)
    }

    private init(
        _ definition: TokenizerDefinition, _ names: SpecialTokenNames, _ fileText: String,
        _ furtherFiles: [String: [UInt8]]
    ) {
        self.furtherFiles = furtherFiles
        self.definition = definition
        self.names = names
        self.fileText = fileText
        hash = definition.hash()
        var vocabulary = Vocabulary(tokens: definition.tokens)
        model = Self.model(definition, vocabulary)
        preTokenizer = definition.cuttingAtMarks(vocabulary)
        for token in definition.addedTokens { vocabulary.add(token.content, id: token.id) }
        self.vocabulary = vocabulary
        vocabularySize = vocabulary.tokens.count

        let classes = ScalarClasses()
        let normalizer = NormalizationEngine(definition.normalizer, classes)
        self.classes = classes
        self.normalizer = normalizer
        var decodedTokens = vocabulary.tokens
        for token in definition.addedTokens where token.isNormalized {
            let normalized = normalizer.normalize(Array(token.content.utf8))
            decodedTokens[Int(token.id)] = String(decoding: normalized, as: UTF8.self)
        }
        self.decodedTokens = decodedTokens
        let alphabet = alphabet
        spellings = decodedTokens.map { token in
            token.map { definition.decoder.spelling(of: $0, isFirst: false, alphabet) } ?? []
        }
        // A token that plays a part is special whatever its own entry says, as in transformers.
        let parts = names.all
        special = Set(
            definition.addedTokens.filter { $0.isSpecial || parts.contains($0.content) }.map(\.id))

        // Special tokens come first: of two tokens spelled alike the first one counts.
        let ordered =
            (definition.splitsSpecialTokens ? [] : definition.addedTokens.filter(\.isSpecial))
            + definition.addedTokens.filter { !$0.isSpecial }
        let raw = ordered.filter { !$0.isNormalized }
        rawMatcher = AddedTokenMatcher(raw, spellings: raw.map { Array($0.content.utf8) })
        let normalized = ordered.filter(\.isNormalized)
        normalizedMatcher = AddedTokenMatcher(
            normalized,
            spellings: normalized.map { normalizer.normalize(Array($0.content.utf8)) })
    }

    private static func model(_ definition: TokenizerDefinition, _ vocabulary: Vocabulary) -> Model
    {
        let unknownID = definition.unknownToken.flatMap { vocabulary.id(of: $0) } ?? 0
        if let rules = definition.wordPieces {
            return .wordPiece(
                WordPieceModel(tokens: definition.tokens, rules: rules, unknownID: unknownID))
        }
        guard let scores = definition.scores else { return .bytePair(BytePairModel(definition)) }
        return .unigram(
            UnigramModel(
                tokens: definition.tokens, scores: scores, unknownID: unknownID,
                byteTokens: definition.fallsBackToBytes ? vocabulary.byteTokens : nil))
    }

    package var configurationText: String { names.configurationText }
    package var addedTokens: [AddedToken] { definition.addedTokens }
    package var postProcessor: PostProcessor { definition.postProcessor }

    package func token(of id: Int32) -> String? {
        vocabulary.tokens.indices.contains(Int(id)) ? vocabulary.tokens[Int(id)] : nil
    }

    package func isSpecial(_ id: Int32) -> Bool { special.contains(id) }

    package func id(of token: String) -> Int32? { vocabulary.id(of: token) }
}

// MARK: - Encoding

extension TokenizerPipeline {
    package func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        encode(valid: Array(text.utf8), addSpecialTokens: addSpecialTokens)
    }

    package func encode(utf8: [UInt8], addSpecialTokens: Bool) -> [Int32] {
        let isASCII = utf8.allSatisfy { $0 < 0x80 }
        let valid = isASCII ? utf8 : Array(String(decoding: utf8, as: UTF8.self).utf8)
        return encode(valid: valid, addSpecialTokens: addSpecialTokens)
    }

    /// A memory of words for one thread.
    func borrowMemory() -> EncodingMemory { pool.withLock { $0.popLast() } ?? EncodingMemory() }

    /// Keeps a memory for the next text.
    func giveBack(_ memory: EncodingMemory) { pool.withLock { $0.append(memory) } }

    private func encode(valid bytes: [UInt8], addSpecialTokens: Bool) -> [Int32] {
        var memory = borrowMemory()
        var ids: [Int32] = []
        ids.reserveCapacity(bytes.count / 3 + 8)
        if addSpecialTokens { ids += definition.postProcessor.before }
        if let segments = rawMatcher.segments(of: bytes, classes) {
            for segment in segments {
                if let token = segment.token {
                    ids.append(token.id)
                } else {
                    encode(
                        plain: Array(bytes[segment.range]),
                        isFirst: segment.range.lowerBound == 0, &memory, into: &ids)
                }
            }
        } else {
            encode(plain: bytes, isFirst: true, &memory, into: &ids)
        }
        if addSpecialTokens { ids += definition.postProcessor.after }
        // What one huge text needed is not kept for the next.
        if bytes.count <= Self.keptBytes { giveBack(memory) }
        return ids
    }

    /// Encodes text in which only normalized added tokens are still to be found.
    ///
    /// - Parameter isFirst: the text begins what was given to the tokenizer.
    private func encode(
        plain bytes: [UInt8], isFirst: Bool, _ memory: inout EncodingMemory,
        into ids: inout [Int32]
    ) {
        var isFirst = isFirst
        let normalized = normalizer.normalize(bytes, keepingStart: &isFirst)
        guard let segments = normalizedMatcher.segments(of: normalized, classes) else {
            return encode(words: normalized, isFirst: isFirst, &memory, into: &ids)
        }
        for segment in segments {
            if let token = segment.token {
                ids.append(token.id)
            } else {
                encode(
                    words: Array(normalized[segment.range]),
                    isFirst: isFirst && segment.range.lowerBound == 0, &memory, into: &ids)
            }
        }
    }

    /// Cuts normalized text into words and encodes each.
    private func encode(
        words bytes: [UInt8], isFirst: Bool, _ memory: inout EncodingMemory,
        into ids: inout [Int32]
    ) {
        memory.cut(bytes, preTokenizer, classes, isFirst: isFirst)
        var start = 0
        for index in memory.ends.indices {
            let end = memory.ends[index]
            if !memory.recall(start, end, into: &ids) {
                encode(start, end, &memory)
                memory.remember(start, end, into: &ids)
            }
            start = end
        }
    }

    /// Leaves the tokens of one word in the memory's merger.
    func encode(_ start: Int, _ end: Int, _ memory: inout EncodingMemory) {
        memory.merger.tokens.removeAll(keepingCapacity: true)
        switch model {
        case .bytePair(let model): model.encode(memory.text.bytes, start, end, &memory.merger)
        case .wordPiece(let model):
            model.encode(memory.text.bytes, start, end, into: &memory.merger.tokens)
        case .unigram(let model):
            model.encode(
                memory.text.bytes, start, end, &memory.lattice, into: &memory.merger.tokens)
        }
    }
}

// MARK: - Decoding

extension TokenizerPipeline {
    package func bytes(of id: Int32, at position: inout DecodingPosition) -> [UInt8] {
        guard decodedTokens.indices.contains(Int(id)), let token = decodedTokens[Int(id)] else {
            return []
        }
        var bytes = spellings[Int(id)]
        if definition.decoder.isByteLevel { return bytes }
        if position.isStart {
            bytes = definition.decoder.spelling(of: token, isFirst: true, alphabet)
            position.isStart = false
        }
        return strip(bytes, &position)
    }

    package func decodeBytes(_ ids: [Int32]) -> [UInt8] {
        var bytes: [UInt8] = []
        var position = DecodingPosition()
        for id in ids { bytes += self.bytes(of: id, at: &position) }
        return bytes
    }

    package func decode(_ ids: [Int32]) -> String { decode(ids, skipSpecialTokens: false) }

    package func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        let kept = skipSpecialTokens ? ids.filter { !special.contains($0) } : ids
        if definition.decoder.isByteLevel {
            return cleaned(String(decoding: decodeBytes(kept), as: UTF8.self))
        }
        let known = kept.filter { decodedTokens.indices.contains(Int($0)) }
        return cleaned(
            definition.decoder.decode(known.compactMap { decodedTokens[Int($0)] }, alphabet))
    }

    /// A whole text without the spaces that were put before signs, where the tokenizer asks for it
    /// (`clean_up_tokenization_spaces`).
    private func cleaned(_ text: String) -> String {
        guard definition.cleansUp else { return text }
        var text = text
        for (old, new) in [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
            (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ] { text = text.replacing(old, with: new) }
        return text
    }

    /// Takes off what the decoder takes off the start of a text.
    private func strip(_ bytes: [UInt8], _ position: inout DecodingPosition) -> [UInt8] {
        guard var stripped = position.stripped, let prefix = definition.decoder.prefix else {
            return bytes
        }
        var rest = bytes[...]
        while stripped < prefix.count, rest.starts(with: prefix.content) {
            rest = rest.dropFirst(prefix.content.count)
            stripped += 1
        }
        position.stripped = rest.isEmpty && stripped < prefix.count ? stripped : nil
        return Array(rest)
    }
}

extension TokenizerDefinition {
    /// The pre-tokenizer, with cuts before marks where they change no ids.
    ///
    /// SentencePiece's merges seldom cross from a character to a mark that follows it. Where none
    /// does, the parts merge each by itself in the same way, and as short words they are looked up.
    fileprivate func cuttingAtMarks(_ vocabulary: Vocabulary) -> PreTokenizer {
        guard !preTokenizer.isByteLevel, scores == nil, wordPieces == nil, !ignoresMerges,
            vocabulary.id(of: Metaspace.mark) != nil
        else { return preTokenizer }
        let crosses = merges.contains { merge in
            var followsOther = false
            for scalar in (tokens[Int(merge.merged)] ?? "").unicodeScalars {
                let isMark = scalar.value == 0x2581
                if isMark, followsOther { return true }
                followsOther = !isMark
            }
            return false
        }
        if crosses { return preTokenizer }
        return PreTokenizer(stages: preTokenizer.stages + [.marks], isByteLevel: false)
    }
}
