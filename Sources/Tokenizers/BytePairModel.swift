/// Merges the symbols of a word, bytes or characters, into tokens.
struct BytePairModel: Sendable {
    private let merges: MergeTable
    private let symbols: Symbols
    private let unknownID: Int32?
    private let fusesUnknown: Bool
    /// The token of each whole word, where merges are ignored for those.
    private let wordTokens: (words: ByteStringTable, ids: [Int32])?

    /// What a word is made of before any merge.
    private enum Symbols {
        /// The token of each byte; -1 for none.
        case bytes([Int32])
        /// The token of each character, and where a character may become bytes those of bytes.
        case characters([UInt32: Int32], bytes: [Int32]?)
    }

    /// The model of a definition.
    init(_ definition: TokenizerDefinition) {
        let vocabulary = Vocabulary(tokens: definition.tokens)
        let alphabet = ByteAlphabet()
        if definition.preTokenizer.isByteLevel {
            symbols = .bytes(alphabet.scalars.map { vocabulary.id(of: String($0)) ?? -1 })
        } else {
            var characters: [UInt32: Int32] = [:]
            for (id, token) in definition.tokens.enumerated() {
                guard let scalars = token?.unicodeScalars, scalars.count == 1 else { continue }
                for scalar in scalars { characters[scalar.value] = Int32(id) }
            }
            symbols = .characters(
                characters,
                bytes: definition.fallsBackToBytes ? vocabulary.byteTokens : nil)
        }
        merges = MergeTable(definition.merges)
        unknownID = definition.unknownToken.flatMap { vocabulary.id(of: $0) }
        fusesUnknown = definition.fusesUnknown
        guard definition.ignoresMerges else {
            wordTokens = nil
            return
        }
        var words = ByteStringTable(capacity: definition.tokens.count)
        var ids: [Int32] = []
        for (id, token) in definition.tokens.enumerated() {
            guard let token else { continue }
            let bytes =
                definition.preTokenizer.isByteLevel
                ? alphabet.bytes(of: token) : Array(token.utf8)
            if let bytes, words.numberInserting(bytes).isNew { ids.append(Int32(id)) }
        }
        wordTokens = (words, ids)
    }

    /// Leaves the tokens of `bytes[start..<end]` in `merger`.
    func encode(_ bytes: [UInt8], _ start: Int, _ end: Int, _ merger: inout WordMerger) {
        if let wordTokens {
            let key = ByteStringTable.key(bytes, start, end)
            let number = wordTokens.words.find(bytes, start, end, key)
            if number >= 0 {
                merger.tokens.append(wordTokens.ids[number])
                return
            }
        }
        merger.unknownLengths.removeAll(keepingCapacity: true)
        switch symbols {
        case .bytes(let tokens): append(bytes, start, end, tokens, &merger)
        case .characters(let tokens, let fallback):
            append(bytes, start, end, tokens, fallback, &merger)
        }
        merger.merge(merges)
    }

    private func append(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ tokens: [Int32], _ merger: inout WordMerger
    ) {
        var followsUnknown = false
        for index in start..<end {
            let token = tokens[Int(bytes[index])]
            if token >= 0 {
                merger.tokens.append(token)
            } else if let unknownID {
                if followsUnknown, fusesUnknown {
                    merger.unknownLengths[merger.unknownLengths.count - 1] += 1
                } else {
                    merger.tokens.append(unknownID)
                    merger.unknownLengths.append(1)
                }
            }
            followsUnknown = token < 0
        }
    }

    private func append(
        _ bytes: [UInt8], _ start: Int, _ end: Int, _ tokens: [UInt32: Int32],
        _ fallback: [Int32]?, _ merger: inout WordMerger
    ) {
        // An unknown token waits for the next known character, as in Hugging Face's `merge_word`,
        // so that bytes between the two come before it.
        var waits = false
        var length = 0
        func appendUnknown(_ id: Int32) {
            merger.tokens.append(id)
            merger.unknownLengths.append(length)
            length = 0
        }
        var index = start
        while index < end {
            let next = index + ScalarClasses.length(startingWith: bytes[index])
            if let token = tokens[ScalarClasses.scalar(at: index, of: bytes)] {
                if waits, let unknownID { appendUnknown(unknownID) }
                waits = false
                merger.tokens.append(token)
            } else if let fallback, bytes[index..<next].allSatisfy({ fallback[Int($0)] >= 0 }) {
                for byte in bytes[index..<next] { merger.tokens.append(fallback[Int(byte)]) }
            } else if let unknownID {
                if waits, !fusesUnknown { appendUnknown(unknownID) }
                waits = true
                length += next - index
            }
            index = next
        }
        if waits, let unknownID { appendUnknown(unknownID) }
    }
}
