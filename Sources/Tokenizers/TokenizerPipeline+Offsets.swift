import Synchronization

extension TokenizerPipeline {
    package func encodeWithOffsets(_ text: String) -> LocatedTokens {
        let bytes = Array(text.utf8)
        var encoding = LocatedEncoding(self)
        guard let segments = rawMatcher.segments(of: bytes, classes) else {
            encoding.add(AlignedText(bytes[...], from: 0), isFirst: true)
            return encoding.finish()
        }
        var (place, byte) = (Int32(0), 0)
        for segment in segments {
            let part = bytes[segment.range]
            // Parts may overlap.
            let start = part.startIndex
            place +=
                start < byte
                ? -Self.scalars(bytes[start..<byte]) : Self.scalars(bytes[byte..<start])
            let end = place + Self.scalars(part)
            if let token = segment.token {
                encoding.add(token.id, TokenOffset(place, end), text: part)
            } else {
                encoding.add(
                    AlignedText(part, from: place), isFirst: segment.range.lowerBound == 0)
            }
            (place, byte) = (end, part.endIndex)
        }
        return encoding.finish()
    }

    private static func scalars(_ bytes: ArraySlice<UInt8>) -> Int32 {
        Int32(bytes.count { $0 & 0xC0 != 0x80 })
    }

    /// What each id takes of a word, in bytes; -1 where that depends on the word.
    fileprivate func tokenLengths() -> [Int32] {
        keptLengths.withLock { kept in
            if let kept { return kept }
            let lengths = makeLengths()
            kept = lengths
            return lengths
        }
    }

    private func makeLengths() -> [Int32] {
        var lengths = definition.tokens.map { token -> Int32 in
            guard let token else { return -1 }
            return Int32(
                definition.preTokenizer.isByteLevel
                    ? token.unicodeScalars.count : token.utf8.count)
        }
        if let unknown = definition.unknownToken.flatMap({ id(of: $0) }),
            lengths.indices.contains(Int(unknown))
        {
            lengths[Int(unknown)] = -1
        }
        if definition.fallsBackToBytes {
            for id in Vocabulary(tokens: definition.tokens).byteTokens where id >= 0 {
                lengths[Int(id)] = definition.scores == nil ? 1 : -1
            }
        }
        return lengths
    }
}

/// A text that is encoded, with where its tokens stand.
private struct LocatedEncoding {
    private let pipeline: TokenizerPipeline
    private let lengths: [Int32]
    private let markLength: Int32
    private let trims: Bool
    private var memory: EncodingMemory
    private var result = LocatedTokens()

    init(_ pipeline: TokenizerPipeline) {
        self.pipeline = pipeline
        lengths = pipeline.tokenLengths()
        markLength = Int32(pipeline.definition.wordPieces?.continuation.utf8.count ?? 0)
        trims = !pipeline.postProcessor.trims.isEmpty
        memory = pipeline.borrowMemory()
    }

    func finish() -> LocatedTokens {
        pipeline.giveBack(memory)
        var result = result
        guard trims else { return result }
        // Those of added tokens are known.
        for index in result.ids.indices where result.blanks[index].leading < 0 {
            result.blanks[index] = Self.blanks(pipeline.token(of: result.ids[index]) ?? "")
        }
        return result
    }

    private static func blanks(_ text: String) -> LocatedTokens.Blanks {
        // U+0120 is a byte-level tokenizer's blank.
        LocatedTokens.Blanks(of: text) { $0.value == 0x120 || $0.properties.isWhitespace }
    }

    /// Adds an added token.
    ///
    /// - Parameter text: all that it takes of the text.
    mutating func add(_ id: Int32, _ offset: TokenOffset, text: ArraySlice<UInt8>) {
        result.ids.append(id)
        result.offsets.append(offset)
        guard trims else { return }
        result.blanks.append(Self.blanks(String(decoding: text, as: UTF8.self)))
    }

    /// Adds text in which only normalized added tokens are still to be found.
    mutating func add(_ text: AlignedText, isFirst: Bool) {
        var text = text
        pipeline.normalizer.normalize(&text)
        let (bytes, places) = text.utf8()
        guard let first = places.first else { return }
        let isFirst = isFirst && first.start == 0
        guard let segments = pipeline.normalizedMatcher.segments(of: bytes, pipeline.classes)
        else {
            return add(words: bytes, places, isFirst: isFirst)
        }
        for segment in segments {
            let (part, placed) = (bytes[segment.range], places[segment.range])
            if let token = segment.token {
                let offset = TokenOffset(
                    placed[segment.range.lowerBound].start,
                    placed[segment.range.upperBound - 1].end)
                add(token.id, offset, text: part)
            } else {
                add(
                    words: Array(part), Array(placed),
                    isFirst: isFirst && segment.range.lowerBound == 0)
            }
        }
    }

    private mutating func add(words bytes: [UInt8], _ places: [TokenOffset], isFirst: Bool) {
        var placed: [TokenOffset]? = places
        // Characters without a token are dropped where none stands for them, and what follows in the
        // same word moves up: cuts of one's own would show.
        let isDropping = pipeline.definition.unknownToken == nil
        let preTokenizer =
            isDropping ? pipeline.definition.preTokenizer : pipeline.preTokenizer
        memory.cut(
            bytes, preTokenizer, pipeline.classes, isFirst: isFirst, places: &placed)
        let places = placed ?? places
        var start = 0
        for index in memory.ends.indices {
            let end = memory.ends[index]
            let first = result.ids.count
            let isKnown = memory.recall(start, end, into: &result.ids)
            var spans = isKnown ? knownSpans(result.ids[first...], end - start) : nil
            if spans == nil {
                result.ids.removeLast(result.ids.count - first)
                pipeline.encode(start, end, &memory)
                spans = madeSpans(start, end)
                if isKnown {
                    result.ids += memory.merger.tokens
                } else {
                    memory.remember(start, end, into: &result.ids)
                }
            }
            for span in spans ?? [] {
                let last = min(start + span.upperBound, places.count) - 1
                let from = min(start + span.lowerBound, places.count - 1)
                result.offsets.append(TokenOffset(places[from].start, places[last].end))
                if trims { result.blanks.append(.unknown) }
            }
            start = end
        }
    }

    /// Bytes of a word that each of its tokens takes, where the tokens alone say it.
    private func knownSpans(_ ids: ArraySlice<Int32>, _ count: Int) -> [Range<Int>]? {
        var spans: [Range<Int>] = []
        var place = 0
        for id in ids {
            let length = length(of: id, isFirst: spans.isEmpty)
            guard length > 0 else { return nil }
            spans.append(place..<place + length)
            place += length
        }
        return place == count ? spans : nil
    }

    private func length(of id: Int32, isFirst: Bool) -> Int {
        guard lengths.indices.contains(Int(id)) else { return -1 }
        return Int(lengths[Int(id)] - (isFirst ? 0 : markLength))
    }

    /// The same of the word that was just encoded.
    private func madeSpans(_ start: Int, _ end: Int) -> [Range<Int>] {
        let tokens = memory.merger.tokens
        switch pipeline.model {
        case .unigram(let model):
            return model.spans(memory.text.bytes, start, end, memory.lattice)
        case .wordPiece:
            if let spans = knownSpans(tokens[...], end - start) { return spans }
            return tokens.map { _ in 0..<end - start }
        case .bytePair:
            var unknown = memory.merger.unknownLengths[...]
            var spans: [Range<Int>] = []
            var place = 0
            for id in tokens {
                let known = length(of: id, isFirst: true)
                let length = known > 0 ? known : unknown.popFirst() ?? 1
                spans.append(place..<place + length)
                place += length
            }
            return spans
        }
    }
}

extension LocatedTokens.Blanks {
    /// To be told by the token.
    fileprivate static let unknown: Self = {
        var blanks = Self(of: "") { _ in false }
        blanks.leading = -1
        return blanks
    }()
}
