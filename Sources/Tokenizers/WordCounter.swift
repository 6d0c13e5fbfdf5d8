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
    private var text = ClassifiedText()
    private var ends: [Int] = []
    private var spare: [Int] = []

    /// A counter of no words yet.
    ///
    /// - Parameter sentences: read texts line by line, and leave out what these say
    package init(
        _ preTokenizer: PreTokenizer, _ normalizer: TextNormalizer, _ classes: ScalarClasses,
        sentences: SentenceRules? = nil
    ) {
        self.preTokenizer = preTokenizer
        self.normalizer = NormalizationEngine(normalizer, classes)
        self.classes = classes
        self.sentences = sentences
    }

    /// Counts the words of each text of a batch; what is no UTF-8 is read as U+FFFD.
    package mutating func count(_ batch: TextBatch) {
        var start = 0
        for end in batch.ends {
            if let sentences {
                for line in batch.bytes[start..<end].split(separator: 0x0A) {
                    if sentences.accept(line) { count(text: line) } else { skipped += 1 }
                }
            } else {
                count(text: batch.bytes[start..<end])
            }
            start = end
        }
    }

    private mutating func count(text: ArraySlice<UInt8>) {
        var bytes = Array(text)
        if bytes.contains(where: { $0 >= 0x80 }) {
            bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
        }
        count(words: normalizer.normalize(bytes))
    }

    private mutating func count(words bytes: [UInt8]) {
        text.set(bytes, classes)
        preTokenizer.cut(&text, classes, into: &ends, using: &spare)
        var start = 0
        for end in ends {
            let hash = ByteStringTable.hash(text.bytes, start, end)
            let number = words.find(text.bytes, start, end, hash: hash)
            if number >= 0 {
                counts[number] += 1
            } else {
                _ = words.insert(text.bytes, start, end, hash: hash)
                counts.append(1)
            }
            start = end
        }
    }

    /// Adds another counter's words.
    package mutating func add(_ other: WordCounter) {
        for number in other.counts.indices {
            let (own, isNew) = words.numberInserting(Array(other.words[number]))
            if isNew { counts.append(0) }
            counts[own] += other.counts[number]
        }
        skipped += other.skipped
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
