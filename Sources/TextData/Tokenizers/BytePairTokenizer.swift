import Synchronization

/// A byte-level BPE tokenizer: GPT-2's, Llama 3's, Qwen's and the like.
///
/// Words met before are looked up, not merged again: each thread that encodes borrows a memory of
/// words from a pool.
package final class BytePairTokenizer: Tokenizer {
    /// What the tokenizer was made of.
    let definition: TokenizerDefinition
    package let fileText: String
    package let configurationText: String
    package let hash: UInt64
    package let endOfText: Int32?
    package let beginOfText: Int32?
    package let vocabularySize: Int

    private let vocabulary: Vocabulary
    private let merges: MergeTable
    /// The token of each byte; -1 for none.
    private let byteTokens: [Int32]
    /// The token of each whole word, where merges are ignored for those.
    private let wordTokens: (words: ByteStringTable, ids: [Int32])?
    private let unknownID: Int32?
    private let classes: ScalarClasses
    private let normalizer: NormalizationEngine
    private let rawMatcher: AddedTokenMatcher
    private let normalizedMatcher: AddedTokenMatcher
    /// The bytes that each id decodes to.
    private let spellings: [[UInt8]]
    private let special: Set<Int32>
    private let pool = Mutex<[EncodingMemory]>([])
    private static let keptBytes = 1 << 24

    /// A tokenizer of `definition`.
    ///
    /// - Parameter fileText: the tokenizer.json it was read from; written anew if `nil`.
    convenience init(
        _ definition: TokenizerDefinition, names: SpecialTokenNames, fileText: String? = nil
    ) {
        self.init(definition, names, fileText ?? definition.fileText())
    }

    private init(
        _ definition: TokenizerDefinition, _ names: SpecialTokenNames, _ fileText: String
    ) {
        self.definition = definition
        self.fileText = fileText
        configurationText = names.configurationText
        hash = definition.hash()
        var vocabulary = Vocabulary(tokens: definition.tokens)
        for token in definition.addedTokens { vocabulary.add(token.content, id: token.id) }
        self.vocabulary = vocabulary
        vocabularySize = vocabulary.tokens.count
        endOfText = names.endOfText.flatMap { vocabulary.id(of: $0) }
        beginOfText = names.beginOfText.flatMap { vocabulary.id(of: $0) }
        merges = MergeTable(definition.merges)
        unknownID = definition.unknownToken.flatMap { vocabulary.id(of: $0) }

        let classes = ScalarClasses()
        let normalizer = NormalizationEngine(definition.normalizer, classes)
        self.classes = classes
        self.normalizer = normalizer
        let alphabet = ByteAlphabet()
        let model = Vocabulary(tokens: definition.tokens)
        byteTokens = alphabet.scalars.map { model.id(of: String($0)) ?? -1 }
        spellings = vocabulary.tokens.map { token in
            token.map { alphabet.bytes(of: $0) ?? Array($0.utf8) } ?? []
        }
        wordTokens = definition.ignoresMerges ? Self.words(definition.tokens, alphabet) : nil
        special = Set(definition.addedTokens.filter(\.isSpecial).map(\.id))

        // Special tokens come first: of two tokens spelled alike the first one counts.
        let ordered =
            definition.addedTokens.filter(\.isSpecial)
            + definition.addedTokens.filter { !$0.isSpecial }
        let raw = ordered.filter { !$0.isNormalized }
        rawMatcher = AddedTokenMatcher(raw, spellings: raw.map { Array($0.content.utf8) })
        let normalized = ordered.filter(\.isNormalized)
        normalizedMatcher = AddedTokenMatcher(
            normalized,
            spellings: normalized.map { normalizer.normalize(Array($0.content.utf8)) })
    }

    private static func words(
        _ tokens: [String?], _ alphabet: ByteAlphabet
    ) -> (words: ByteStringTable, ids: [Int32]) {
        var words = ByteStringTable(capacity: tokens.count)
        var ids: [Int32] = []
        for (id, token) in tokens.enumerated() {
            guard let bytes = token.flatMap({ alphabet.bytes(of: $0) }) else { continue }
            if words.numberInserting(bytes).isNew { ids.append(Int32(id)) }
        }
        return (words, ids)
    }

    package func id(of token: String) -> Int32? { vocabulary.id(of: token) }
}

// MARK: - Encoding

extension BytePairTokenizer {
    package func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
        encode(valid: Array(text.utf8), addSpecialTokens: addSpecialTokens)
    }

    package func encode(utf8: [UInt8], addSpecialTokens: Bool) -> [Int32] {
        let isASCII = utf8.allSatisfy { $0 < 0x80 }
        let valid = isASCII ? utf8 : Array(String(decoding: utf8, as: UTF8.self).utf8)
        return encode(valid: valid, addSpecialTokens: addSpecialTokens)
    }

    private func encode(valid bytes: [UInt8], addSpecialTokens: Bool) -> [Int32] {
        var memory = pool.withLock { $0.popLast() } ?? EncodingMemory()
        var ids: [Int32] = []
        ids.reserveCapacity(bytes.count / 3 + 8)
        if addSpecialTokens { ids += definition.postProcessor.before }
        if let segments = rawMatcher.segments(of: bytes, classes) {
            for segment in segments {
                if let token = segment.token {
                    ids.append(token.id)
                } else {
                    encode(plain: Array(bytes[segment.range]), &memory, into: &ids)
                }
            }
        } else {
            encode(plain: bytes, &memory, into: &ids)
        }
        if addSpecialTokens { ids += definition.postProcessor.after }
        // What one huge text needed is not kept for the next.
        if bytes.count <= Self.keptBytes { pool.withLock { $0.append(memory) } }
        return ids
    }

    /// Encodes text in which only normalized added tokens are still to be found.
    private func encode(
        plain bytes: [UInt8], _ memory: inout EncodingMemory, into ids: inout [Int32]
    ) {
        let normalized = normalizer.normalize(bytes)
        guard let segments = normalizedMatcher.segments(of: normalized, classes) else {
            return encode(words: normalized, &memory, into: &ids)
        }
        for segment in segments {
            if let token = segment.token {
                ids.append(token.id)
            } else {
                encode(words: Array(normalized[segment.range]), &memory, into: &ids)
            }
        }
    }

    /// Cuts normalized text into words and encodes each.
    private func encode(
        words bytes: [UInt8], _ memory: inout EncodingMemory, into ids: inout [Int32]
    ) {
        memory.cut(bytes, definition.preTokenizer, classes)
        var start = 0
        for index in memory.ends.indices {
            let end = memory.ends[index]
            if !memory.recall(start, end, into: &ids) {
                merge(start, end, &memory)
                memory.remember(start, end, into: &ids)
            }
            start = end
        }
    }

    /// Leaves the tokens of one word in the memory's merger.
    private func merge(_ start: Int, _ end: Int, _ memory: inout EncodingMemory) {
        memory.merger.tokens.removeAll(keepingCapacity: true)
        if let wordTokens {
            let bytes = memory.text.bytes
            let hash = ByteStringTable.hash(bytes, start, end)
            let number = wordTokens.words.find(bytes, start, end, hash: hash)
            if number >= 0 {
                memory.merger.tokens.append(wordTokens.ids[number])
                return
            }
        }
        var followsUnknown = false
        for index in start..<end {
            let token = byteTokens[Int(memory.text.bytes[index])]
            if token >= 0 {
                memory.merger.tokens.append(token)
            } else if let unknownID, !(followsUnknown && definition.fusesUnknown) {
                memory.merger.tokens.append(unknownID)
            }
            followsUnknown = token < 0
        }
        memory.merger.merge(merges)
    }
}

// MARK: - Decoding

extension BytePairTokenizer {
    package func decodeBytes(_ ids: [Int32]) -> [UInt8] {
        var bytes: [UInt8] = []
        for id in ids where spellings.indices.contains(Int(id)) { bytes += spellings[Int(id)] }
        return bytes
    }

    package func decode(_ ids: [Int32]) -> String { decode(ids, skipSpecialTokens: false) }

    package func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
        let kept = skipSpecialTokens ? ids.filter { !special.contains($0) } : ids
        return String(decoding: decodeBytes(kept), as: UTF8.self)
    }
}
