/// How often each word occurs in the texts seen.
package struct WordCounter: Sendable {
    /// The words, numbered in the order they came.
    package private(set) var words = ByteStringTable(capacity: 1 << 16)
    /// How often each occurred.
    package private(set) var counts: [Int] = []

    /// Lines that were left out.
    package private(set) var skipped = 0

    private let preTokenizer: PreTokenizer
    private let normalizer: NormalizationEngine
    private let classes: ScalarClasses
    private let sentences: SentenceRules?
    /// Chunks counted whose words are not counted yet.
    private var chunks: ChunkCounter?
    /// What stands before a chunk of printable ASCII to make it a word, where nothing else is done to it.
    private let asciiMark: [UInt8]?
    private var text = ClassifiedText()
    private var ends: [Int] = []
    private var spare: [Int] = []

    /// Bytes that different chunks may take.
    private static let mostBytes = 1 << 28

    /// A counter of no words yet.
    ///
    /// - Parameters:
    ///   - sentences: read texts line by line, and leave out what these say
    ///   - endsAtBlanks: no word and nothing that is done to a text reaches over a blank or a line end,
    ///     so that chunks between those are counted first, and each different one is cut once
    package init(
        _ preTokenizer: PreTokenizer, _ normalizer: TextNormalizer, _ classes: ScalarClasses,
        sentences: SentenceRules? = nil, endsAtBlanks: Bool = false
    ) {
        self.preTokenizer = preTokenizer
        self.normalizer = NormalizationEngine(normalizer, classes)
        self.classes = classes
        self.sentences = sentences
        chunks = endsAtBlanks ? ChunkCounter() : nil
        let onlyMarks =
            preTokenizer.onlyCutsAtMarks && SpaceMarking(normalizer)?.onlyMarksWords == true
        asciiMark = onlyMarks ? Array(Metaspace.mark.utf8) : nil
    }

    /// Counts the words of each text of a batch; what is no UTF-8 is read as U+FFFD.
    package mutating func count(_ batch: TextBatch) {
        var start = 0
        for end in batch.ends {
            if let sentences {
                count(linesOf: batch, start, end, sentences)
            } else {
                count(batch, start, end)
            }
            start = end
        }
        chunks?.finish(batch.bytes)
        if let chunks, chunks.byteCount > Self.mostBytes { countChunks() }
    }

    private mutating func count(
        linesOf batch: TextBatch, _ start: Int, _ end: Int, _ sentences: SentenceRules
    ) {
        var start = start
        while start < end {
            let lineEnd = batch.bytes[start..<end].firstIndex(of: 0x0A) ?? end
            if lineEnd > start {
                if sentences.accept(batch.bytes[start..<lineEnd]) {
                    count(batch, start, lineEnd)
                } else {
                    skipped += 1
                }
            }
            start = lineEnd + 1
        }
    }

    private mutating func count(_ batch: TextBatch, _ start: Int, _ end: Int) {
        if chunks?.count(batch.bytes, start, end) == nil {
            count(text: batch.bytes[start..<end], times: 1)
        }
    }

    private mutating func count(text: ArraySlice<UInt8>, times: Int) {
        var bytes = Array(text)
        if bytes.contains(where: { $0 >= 0x80 }) {
            bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
        }
        count(words: normalizer.normalize(bytes), times: times)
    }

    private mutating func count(words bytes: [UInt8], times: Int) {
        text.set(bytes, classes)
        preTokenizer.cut(&text, classes, into: &ends, using: &spare)
        var start = 0
        for end in ends {
            add(text.bytes, start, end, times)
            start = end
        }
    }

    /// Counts a word.
    @inline(__always)
    private mutating func add(_ bytes: [UInt8], _ start: Int, _ end: Int, _ times: Int) {
        let key = ByteStringTable.key(bytes, start, end)
        let number = words.find(bytes, start, end, key)
        if number >= 0 {
            counts[number] += times
        } else {
            _ = words.insert(bytes, start, end, key)
            counts.append(times)
        }
    }

    /// Counts the words of the chunks met so far; without this those are not among ``words``.
    package mutating func countChunks() {
        guard let met = chunks else { return }
        chunks = ChunkCounter()
        // Mostly a chunk is a word.
        if counts.isEmpty { words = ByteStringTable(capacity: met.counts.count) }
        let bytes = met.chunks.bytes
        var marked = asciiMark ?? []
        let mark = marked.count
        for (number, times) in met.counts.enumerated() {
            let chunk = bytes[met.chunks.range(of: number)]
            guard asciiMark != nil, chunk.allSatisfy({ (0x21..<0x7F).contains($0) }) else {
                count(text: chunk, times: times)
                continue
            }
            marked.removeSubrange(mark...)
            marked += chunk
            add(marked, 0, marked.count, times)
        }
    }

    /// Adds another counter's words.
    package mutating func add(_ other: WordCounter) {
        let bytes = other.words.bytes
        for (number, times) in other.counts.enumerated() {
            let range = other.words.range(of: number)
            add(bytes, range.lowerBound, range.upperBound, times)
        }
        if let more = other.chunks { chunks?.add(more) }
        skipped += other.skipped
    }
}

extension PreTokenizer {
    /// Whether words end where the next mark is.
    fileprivate var onlyCutsAtMarks: Bool {
        guard stages.count == 1, case .metaspace(let rule) = stages[0] else { return false }
        return rule.replacement == Metaspace.mark && rule.splits && rule.prepends == .never
    }
}

/// Which lines SentencePiece learns from.
package struct SentenceRules: Sendable {
    /// Bytes of the longest.
    package let longest: Int
    /// U+2585, which stands for what is rare.
    private static let reserved: [UInt8] = [0xE2, 0x96, 0x85]

    package init(longest: Int) { self.longest = longest }

    /// Whether a line is learned from.
    func accept(_ line: ArraySlice<UInt8>) -> Bool {
        if line.count > longest { return false }
        var place = line.startIndex
        while let index = line[place...].firstIndex(of: Self.reserved[0]) {
            if line[index...].starts(with: Self.reserved) { return false }
            place = index + 1
        }
        return true
    }
}

/// Some texts, one after another.
package struct TextBatch: Sendable {
    package var bytes: [UInt8]
    /// Where each text ends.
    package var ends: [Int] = []

    package init(bytes: [UInt8] = []) { self.bytes = bytes }
}
