import Files

/// A `.model` of SentencePiece (sentencepiece_model.proto): pieces, and how texts are normalized.
package struct SentencePieceModel {
    /// One piece; kinds are those of GGUF.
    package struct Piece {
        var text = ""
        var score: Float = 0
        /// 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
        var type: Int32 = 1

        package init(text: String = "", score: Float = 0, type: Int32 = 1) {
            self.text = text
            self.score = score
            self.type = type
        }
    }

    var pieces: [Piece] = []
    /// 1 Unigram, 2 BPE, 3 words, 4 characters.
    var modelType: UInt64 = 1
    var fallsBackToBytes = false
    var unknown = 0
    var beginOfText: Int? = 1
    var endOfText: Int? = 2
    var padding: Int?
    var charsmap: [UInt8] = []
    /// The file of a model that was learned here.
    package var fileBytes: [UInt8] = []
    private(set) var addsPrefix = true
    private(set) var removesExtraSpaces = true
    /// Whether texts begin and end with their tokens; `nil` for what is usual.
    var addsBeginOfText: Bool?
    var addsEndOfText: Bool?

    /// What messages call the file.
    let file: String

    /// Files' usual names.
    static let names = ["tokenizer.model", "spiece.model", fairseqName]
    /// XLM-R's, whose pieces have other ids than in the file.
    static let fairseqName = "sentencepiece.bpe.model"

    /// Reads a model.
    ///
    /// - Throws: ``TokenizerError/malformed(file:byte:found:expected:)`` for what is no such file or is
    ///   cut off, ``TokenizerError/invalid(file:key:found:expected:)`` for numbers that cannot be,
    ///   ``TokenizerError/unsupported(file:key:found:supported:)`` for what is not run.
    init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
        self.file = file
        do throws(ProtobufReader.Mistake) {
            var reader = ProtobufReader(bytes)
            while let (field, value) = try reader.next() {
                guard case .bytes(let range) = value else { continue }
                switch field {
                case 1: pieces.append(try Self.piece(ProtobufReader(bytes, range), bytes))
                case 2: try readTrainer(ProtobufReader(bytes, range))
                case 3: try readNormalizer(ProtobufReader(bytes, range), bytes)
                default: continue
                }
            }
        } catch {
            throw .malformed(
                file: file, byte: error.byte, found: error.found, expected: error.expected)
        }
        try check()
    }

    private static func piece(
        _ reader: ProtobufReader, _ bytes: [UInt8]
    ) throws(ProtobufReader.Mistake) -> Piece {
        var reader = reader
        var piece = Piece()
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let range)):
                guard let text = String(validating: bytes[range], as: UTF8.self) else {
                    throw ProtobufReader.Mistake(
                        byte: range.lowerBound, found: "bytes that are no UTF-8",
                        expected: "the text of a piece")
                }
                piece.text = text
            case (2, .fixed32(let bits)): piece.score = Float(bitPattern: bits)
            case (3, .integer(let type)): piece.type = Int32(clamping: type)
            default: continue
            }
        }
        return piece
    }

    /// Settings that change ids and are not run, by their fields: what they have to be.
    private static let refused: [Int: (name: String, value: UInt64)] = [
        24: ("treat_whitespace_as_suffix", 0)
    ]
    private var strange: (name: String, value: UInt64)?

    private mutating func readTrainer(
        _ reader: ProtobufReader
    ) throws(ProtobufReader.Mistake) {
        var reader = reader
        func id(_ value: UInt64) -> Int? {
            let id = Int(truncatingIfNeeded: Int32(truncatingIfNeeded: value))
            return id < 0 ? nil : id
        }
        while let (field, value) = try reader.next() {
            guard case .integer(let number) = value else { continue }
            switch field {
            case 3: modelType = number
            case 35: fallsBackToBytes = number != 0
            case 40: unknown = id(number) ?? -1
            case 41: beginOfText = id(number)
            case 42: endOfText = id(number)
            case 43: padding = id(number)
            default:
                if let known = Self.refused[field], number != known.value {
                    strange = (known.name, number)
                }
            }
        }
    }

    private mutating func readNormalizer(
        _ reader: ProtobufReader, _ bytes: [UInt8]
    ) throws(ProtobufReader.Mistake) {
        var reader = reader
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .bytes(let range)): charsmap = Array(bytes[range])
            case (3, .integer(let number)): addsPrefix = number != 0
            case (4, .integer(let number)): removesExtraSpaces = number != 0
            case (5, .integer(let number)):
                if number == 0 { strange = ("escape_whitespaces", number) }
            default: continue
            }
        }
    }

    private func check() throws(TokenizerError) {
        guard !pieces.isEmpty else {
            throw .malformed(
                file: file, byte: 0, found: "no pieces", expected: "a SentencePiece model")
        }
        guard modelType == 1 || modelType == 2 else {
            throw .unsupported(
                file: file, key: "model_type", found: "\(modelType)",
                supported: "1 (Unigram) and 2 (BPE)")
        }
        if let strange {
            throw .unsupported(
                file: file, key: strange.name, found: "\(strange.value)",
                supported: "SentencePiece's default")
        }
        for (id, piece) in pieces.enumerated() {
            guard piece.score.isFinite, (1...6).contains(piece.type) else {
                throw .invalid(
                    file: file, key: "pieces[\(id)]",
                    found: "score \(piece.score) and type \(piece.type)",
                    expected: "a score and a type from 1 to 6")
            }
        }
        guard pieces.indices.contains(unknown), pieces[unknown].type == 2 else {
            throw .invalid(
                file: file, key: "unk_id", found: "\(unknown)",
                expected: "the id of the unknown piece")
        }
        for (key, id) in [("bos_id", beginOfText), ("eos_id", endOfText), ("pad_id", padding)] {
            if let id, !pieces.indices.contains(id) {
                throw .invalid(
                    file: file, key: key, found: "\(id)",
                    expected: "an id below \(pieces.count), or -1")
            }
        }
    }
}

extension SentencePieceModel {
    /// tokenizer.json and tokenizer_config.json that make the same ids.
    ///
    /// - Throws: ``TokenizerError`` for a piece that comes twice, and a table that is damaged.
    func definition() throws(TokenizerError) -> (
        definition: TokenizerDefinition, names: SpecialTokenNames
    ) {
        var vocabulary = GGUFTokenizer(
            model: modelType == 2 ? "llama" : "t5", tokens: pieces.map(\.text))
        vocabulary.scores = pieces.map(\.score)
        vocabulary.tokenTypes = pieces.map(\.type)
        vocabulary.unknown = unknown
        vocabulary.beginOfText = beginOfText
        vocabulary.endOfText = endOfText
        vocabulary.padding = padding
        vocabulary.addsBeginOfText = addsBeginOfText
        vocabulary.addsEndOfText = addsEndOfText
        vocabulary.addsSpacePrefix = addsPrefix
        vocabulary.removesExtraSpaces = removesExtraSpaces
        vocabulary.precompiledMap = charsmap
        var seen: Set<[UInt8]> = []
        for (id, piece) in pieces.enumerated() where !seen.insert(Array(piece.text.utf8)).inserted {
            throw .invalid(
                file: file, key: "pieces[\(id)]", found: "\"\(piece.text)\" once more",
                expected: "each piece once")
        }
        var definition =
            modelType == 2
            ? try vocabulary.sentencePieceDefinition() : try vocabulary.unigramDefinition()
        let spaces = Self.spaceSteps(removesExtra: removesExtraSpaces, addsPrefix: addsPrefix)
        definition.normalizer = TextNormalizer(
            steps: try vocabulary.tableSteps(takesLongest: true) + spaces)
        let bytes = Vocabulary(tokens: definition.tokens).byteTokens
        definition.fallsBackToBytes = fallsBackToBytes && bytes.allSatisfy { $0 >= 0 }
        if modelType != 2 {
            // Where no piece crosses into a word, words can be worked on one by one.
            let crosses = pieces.contains {
                $0.text.unicodeScalars.dropFirst().contains("\u{2581}")
            }
            let rule = Metaspace(replacement: Metaspace.mark, prepends: .never, splits: true)
            definition.preTokenizer = PreTokenizer(
                stages: crosses ? [] : [.metaspace(rule)], isByteLevel: false)
            if definition.fallsBackToBytes {
                definition.decoder = .marked(stripsPrefix: addsPrefix)
            }
        }
        func text(_ id: Int?) -> String? { id.map { pieces[$0].text } }
        let names = SpecialTokenNames(
            beginOfText: text(beginOfText), endOfText: text(endOfText), padding: text(padding),
            unknown: text(unknown))
        return (definition, names)
    }

    /// T5's sentinels stand behind the pieces, the first one last.
    ///
    /// Source: transformers 5.23, `T5Converter`.
    mutating func addSentinels(_ count: Int) {
        for number in (0..<count).reversed() {
            let text = "<extra_id_\(number)>"
            guard !pieces.contains(where: { $0.text.utf8.elementsEqual(text.utf8) }) else {
                continue
            }
            pieces.append(Piece(text: text))
        }
    }

    /// Gives the pieces the ids that XLM-R's have, after fairseq: special tokens of its own in place of
    /// the first three, and a mask behind all.
    ///
    /// Source: transformers 5.23, `XLMRobertaConverter`, which takes pieces and scores alone.
    mutating func numberAsFairseq(_ name: (_ key: String) -> String?) {
        func special(_ key: String, _ standard: String, _ type: Int32) -> Piece {
            Piece(text: name(key) ?? standard, type: type)
        }
        pieces =
            [
                special("bos_token", "<s>", 3), special("pad_token", "<pad>", 3),
                special("eos_token", "</s>", 3), special("unk_token", "<unk>", 2),
            ] + pieces.dropFirst(3) + [special("mask_token", "<mask>", 3)]
        (beginOfText, padding, endOfText, unknown) = (0, 1, 2, 3)
        modelType = 1
        fallsBackToBytes = false
    }

    /// What SentencePiece does to blanks: those at the ends go, of several one stays, each becomes a mark,
    /// and one more is put in front.
    static func spaceSteps(removesExtra: Bool, addsPrefix: Bool) -> [TextNormalizer.Step] {
        let extra: [TextNormalizer.Step] = [
            .replaceRun(.edges, with: ""), .replaceRun(.twoSpaces, with: " "),
        ]
        return (removesExtra ? extra : []) + (addsPrefix ? [.prepend(Metaspace.mark)] : [])
            + [.replace(" ", with: Metaspace.mark)]
    }
}
