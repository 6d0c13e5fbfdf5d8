/// How often each word occurs in the texts seen.
package struct WordCounter: Sendable {
    /// The words, numbered in the order they came.
    package private(set) var words = ByteStringTable(capacity: 1 << 16)
    /// How often each occurred.
    package private(set) var counts: [Int] = []

    private let preTokenizer: PreTokenizer
    private let normalizer: NormalizationEngine
    private let classes: ScalarClasses
    private var text = ClassifiedText()
    private var ends: [Int] = []
    private var spare: [Int] = []

    /// A counter of no words yet.
    package init(
        _ preTokenizer: PreTokenizer, _ normalizer: TextNormalizer, _ classes: ScalarClasses
    ) {
        self.preTokenizer = preTokenizer
        self.normalizer = NormalizationEngine(normalizer, classes)
        self.classes = classes
    }

    /// Counts the words of each text of a batch; what is no UTF-8 is read as U+FFFD.
    package mutating func count(_ batch: TextBatch) {
        var start = 0
        for end in batch.ends {
            var bytes = Array(batch.bytes[start..<end])
            if bytes.contains(where: { $0 >= 0x80 }) {
                bytes = Array(String(decoding: bytes, as: UTF8.self).utf8)
            }
            count(words: normalizer.normalize(bytes))
            start = end
        }
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
    }
}

/// Some texts, one after another.
package struct TextBatch: Sendable {
    package var bytes: [UInt8]
    /// Where each text ends.
    package var ends: [Int] = []

    package init(bytes: [UInt8] = []) { self.bytes = bytes }
}
