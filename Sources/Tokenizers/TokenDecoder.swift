import Files

/// How tokens become text again: the `decoder` of tokenizer.json.
package struct TokenDecoder: Sendable {
    /// One change of the list of tokens, each working on what the one before left.
    enum Step: Sendable, Equatable {
        /// Characters are GPT-2's stand-ins for bytes.
        case byteLevel
        case replace([UInt8], with: [UInt8])
        /// `<0xXX>` is a byte.
        case byteFallback
        /// All become one.
        case fuse
        /// Up to `count` of these characters go from the start of each token.
        case strip([UInt8], count: Int)
        /// Marks become spaces; those of the first token go where `dropsFirst`.
        case metaspace([UInt8], dropsFirst: Bool)
        /// Tokens that go on in a word lose their mark, all others but the first get a blank.
        case wordPiece(mark: [UInt8], cleansUp: Bool)
        /// All but the first get a blank: what is done without a decoder.
        case spaced
    }

    let steps: [Step]
    /// What tokenizer.json says for it.
    let json: JSONValue

    /// GPT-2's.
    package static let byteLevel = TokenDecoder(
        steps: [.byteLevel],
        json: .typed(
            "ByteLevel",
            [
                ("add_prefix_space", .bool(true)), ("trim_offsets", .bool(true)),
                ("use_regex", .bool(true)),
            ]))

    /// BERT's.
    package static func wordPiece(_ mark: String) -> TokenDecoder {
        TokenDecoder(
            steps: [.wordPiece(mark: Array(mark.utf8), cleansUp: true)],
            json: .typed("WordPiece", [("prefix", .string(mark)), ("cleanup", .bool(true))]))
    }

    /// SentencePiece's of words that each begin with a mark.
    package static func metaspace(_ rule: Metaspace) -> TokenDecoder {
        TokenDecoder(
            steps: [
                .metaspace(Array(rule.replacement.utf8), dropsFirst: rule.prepends != .never)
            ], json: rule.json)
    }

    /// Llama's: marks become spaces, of which the first goes where a text began with one that the
    /// tokenizer put there.
    static func marked(stripsPrefix: Bool) -> TokenDecoder {
        let mark = Array(Metaspace.mark.utf8)
        var steps: [Step] = [.replace(mark, with: [0x20]), .byteFallback, .fuse]
        var parts: [JSONValue] = [
            .typed(
                "Replace",
                [
                    ("pattern", .object([(key: "String", value: .string(Metaspace.mark))])),
                    ("content", .string(" ")),
                ]),
            .typed("ByteFallback", []), .typed("Fuse", []),
        ]
        if stripsPrefix {
            steps.append(.strip([0x20], count: 1))
            parts.append(
                .typed(
                    "Strip",
                    [("content", .string(" ")), ("start", .int(1)), ("stop", .int(0))]))
        }
        return TokenDecoder(
            steps: steps, json: .typed("Sequence", [("decoders", .array(parts))]))
    }

    /// Whether tokens are written in GPT-2's stand-ins for bytes.
    var isByteLevel: Bool { steps.contains(.byteLevel) }

    /// What comes off the start of the whole text, once for a text.
    var prefix: (content: [UInt8], count: Int)? {
        guard let fuse = steps.firstIndex(of: .fuse) else { return nil }
        for case .strip(let content, let count) in steps[fuse...] { return (content, count) }
        return nil
    }

    /// The bytes of one token by itself, without what ``prefix`` takes off.
    ///
    /// - Parameter isFirst: the token begins a text.
    func spelling(of token: String, isFirst: Bool, _ alphabet: ByteAlphabet) -> [UInt8] {
        if isByteLevel { return alphabet.bytes(of: token) ?? Array(token.utf8) }
        var bytes = Array(token.utf8)
        var isFused = false
        for step in steps {
            switch step {
            case .byteLevel: break
            case .fuse: isFused = true
            case .byteFallback: if let byte = Self.byte(of: bytes) { return [byte] }
            case .strip where isFused: break
            default: bytes = Self.apply(step, to: bytes, isFirst: isFirst)
            }
        }
        return bytes
    }

    /// The text of whole tokens as Hugging Face's decoders give it: a run of byte tokens that is no
    /// UTF-8 becomes one U+FFFD for each byte.
    func decode(_ tokens: [String], _ alphabet: ByteAlphabet) -> String {
        if isByteLevel {
            let bytes = tokens.flatMap { alphabet.bytes(of: $0) ?? Array($0.utf8) }
            return String(decoding: bytes, as: UTF8.self)
        }
        var pieces = tokens.map { Array($0.utf8) }
        for step in steps {
            switch step {
            case .byteLevel: break
            case .fuse: pieces = [pieces.flatMap { $0 }]
            case .byteFallback: pieces = Self.joiningBytes(pieces)
            default:
                for index in pieces.indices {
                    pieces[index] = Self.apply(step, to: pieces[index], isFirst: index == 0)
                }
            }
        }
        return String(decoding: pieces.joined(), as: UTF8.self)
    }

    private static func apply(_ step: Step, to piece: [UInt8], isFirst: Bool) -> [UInt8] {
        switch step {
        case .replace(let old, let new):
            return NormalizationEngine.replace(old, with: new, in: piece)
        case .strip(let content, let count):
            var rest = piece[...]
            var left = count
            while left > 0, rest.starts(with: content) {
                rest = rest.dropFirst(content.count)
                left -= 1
            }
            return Array(rest)
        case .metaspace(let mark, let dropsFirst):
            let space: [UInt8] = isFirst && dropsFirst ? [] : [0x20]
            return NormalizationEngine.replace(mark, with: space, in: piece)
        case .wordPiece(let mark, let cleansUp):
            var piece = piece
            if !isFirst {
                piece =
                    piece.starts(with: mark) ? Array(piece.dropFirst(mark.count)) : [0x20] + piece
            }
            return cleansUp ? Self.cleaned(piece) : piece
        case .spaced: return isFirst ? piece : [0x20] + piece
        case .byteLevel, .byteFallback, .fuse: return piece
        }
    }

    /// What the WordPiece decoder takes blanks from, token by token.
    private static let unspaced: [(old: [UInt8], new: [UInt8])] = [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
        (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    private static func cleaned(_ piece: [UInt8]) -> [UInt8] {
        guard piece.first == 0x20 || piece.contains(0x20) else { return piece }
        var piece = piece
        for (old, new) in unspaced {
            piece = NormalizationEngine.replace(old, with: new, in: piece)
        }
        return piece
    }

    /// The byte that a token of the form `<0xXX>` stands for.
    private static func byte(of token: [UInt8]) -> UInt8? {
        guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else {
            return nil
        }
        return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
    }

    private static func joiningBytes(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = []
        var run: [UInt8] = []
        func flush() {
            if run.isEmpty { return }
            if String(validating: run, as: UTF8.self) != nil {
                result.append(run)
            } else {
                result += repeatElement(Array("\u{FFFD}".utf8), count: run.count)
            }
            run = []
        }
        for piece in pieces {
            if let byte = byte(of: piece) {
                run.append(byte)
            } else {
                flush()
                result.append(piece)
            }
        }
        flush()
        return result
    }
}

extension TokenDecoder {
    private static let supported =
        "ByteLevel, WordPiece, Metaspace, and a Sequence of Replace, ByteFallback, Fuse, Strip and Metaspace"

    /// Reads the `decoder` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: JSONValue?, file: String) throws(TokenizerError) {
        func refuse(_ found: String) -> TokenizerError {
            .unsupported(file: file, key: "decoder", found: found, supported: Self.supported)
        }
        guard let json else {
            (self.steps, self.json) = ([.spaced], .null)
            return
        }
        let parts = json["type"]?.string == "Sequence" ? json["decoders"]?.array ?? [] : [json]
        var steps: [Step] = []
        for part in parts { steps.append(try Self.step(part, refuse)) }
        if steps.contains(.byteLevel), steps.contains(where: { $0 != .byteLevel && $0 != .fuse }) {
            throw refuse("ByteLevel beside other steps")
        }
        var growth = 1.0
        for case .replace(let old, let new) in steps {
            growth *= max(1, Double(new.count) / Double(old.count))
        }
        guard growth <= 256 else {
            throw refuse("a sequence that can make a text more than 256 times as long")
        }
        var isFused = false
        for step in steps {
            if case .metaspace = step, isFused { throw refuse("Metaspace after Fuse") }
            if case .wordPiece = step, steps.count > 1 {
                throw refuse("WordPiece beside other steps")
            }
            if step == .fuse { isFused = true }
        }
        self.steps = steps
        self.json = json
    }

    private static func step(
        _ json: JSONValue, _ refuse: (String) -> TokenizerError
    ) throws(TokenizerError) -> Step {
        switch json["type"]?.string {
        case "ByteLevel": return .byteLevel
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "WordPiece":
            return .wordPiece(
                mark: Array((json["prefix"]?.string ?? "##").utf8),
                cleansUp: json["cleanup"]?.bool ?? true)
        case "Metaspace":
            guard let rule = Metaspace(json) else { break }
            return .metaspace(Array(rule.replacement.utf8), dropsFirst: rule.prepends != .never)
        case "Replace":
            guard let old = json["pattern"]?["String"]?.string, !old.isEmpty,
                let new = json["content"]?.string
            else { throw refuse("Replace of a regular expression") }
            return .replace(Array(old.utf8), with: Array(new.utf8))
        case "Strip":
            guard let content = json["content"]?.string, content.unicodeScalars.count == 1,
                let start = json["start"]?.integer, start >= 0, json["stop"]?.integer == 0
            else { throw refuse("Strip at the end of a text") }
            return .strip(Array(content.utf8), count: start)
        default: break
        }
        throw refuse(json["type"]?.string ?? json.shown)
    }
}
