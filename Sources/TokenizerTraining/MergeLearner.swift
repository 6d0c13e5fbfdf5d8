import Tokenizers

/// Finds the merges of a training: repeatedly the most frequent pair of neighbouring tokens.
///
/// A pair keeps a list of the words it was seen in, so that a merge visits only those. Counts
/// follow Hugging Face's bookkeeping exactly, also where a run of one token makes pairs overlap.
struct MergeLearner {
    /// The tokens of all words, one word after another.
    private var symbols: [Int32] = []
    private var starts: [Int] = []
    private var lengths: [Int] = []
    private let wordCounts: [Int]

    /// The number of each pair met, by ``key(_:_:)``.
    private var numbers: [UInt64: Int] = [:]
    private var pairs: [UInt64] = []
    private var counts: [Int] = []
    /// Words in which a pair came up since it was last put into the queue.
    private var fresh: [[Int32]] = []
    /// Pairs with fresh words.
    private var touched: [Int] = []
    private var queue = BinaryHeap<Entry>()

    /// A pair waiting to be merged in some words.
    private struct Entry: Comparable {
        var count: Int
        let pair: UInt64
        let number: Int
        let words: [Int32]

        /// Whether the left one is to be merged first.
        @inline(__always)
        static func < (left: Entry, right: Entry) -> Bool {
            left.count != right.count ? left.count > right.count : left.pair < right.pair
        }

        static func == (left: Entry, right: Entry) -> Bool {
            left.count == right.count && left.pair == right.pair
        }
    }

    /// - Parameter byteTokens: the token of each byte.
    init(_ words: WordCounter, byteTokens: [Int32]) {
        self.init(words) { word, symbols in
            for byte in word { symbols.append(byteTokens[Int(byte)]) }
        }
    }

    /// - Parameter append: adds the symbols of a word.
    init(_ words: WordCounter, _ append: (ArraySlice<UInt8>, inout [Int32]) -> Void) {
        wordCounts = words.counts
        symbols.reserveCapacity(words.words.byteCount)
        for number in words.counts.indices {
            starts.append(symbols.count)
            append(words.words[number], &symbols)
            lengths.append(symbols.count - starts[number])
        }
        for word in starts.indices where lengths[word] > 1 {
            for index in starts[word]..<(starts[word] + lengths[word] - 1) {
                change(symbols[index], symbols[index + 1], by: wordCounts[word], in: word)
            }
        }
        enqueue()
    }

    /// Merges until `vocabulary` has `size` tokens or no pair is frequent enough, and returns the
    /// merges.
    ///
    /// - Parameter mark: what a right part begins with that its union lacks.
    mutating func learn(
        _ vocabulary: inout Vocabulary, size: Int, minimumFrequency: Int, mark: String = ""
    ) -> [Merge] {
        var merges: [Merge] = []
        while vocabulary.count < size, var top = queue.pop() {
            if top.count != counts[top.number] {
                top.count = counts[top.number]
                queue.push(top)
                continue
            }
            if top.count < 1 || top.count < minimumFrequency { break }
            let left = Int32(truncatingIfNeeded: top.pair >> 32)
            let right = Int32(truncatingIfNeeded: top.pair)
            var end = (vocabulary.tokens[Int(right)] ?? "")[...]
            if !mark.isEmpty, end.utf8.starts(with: mark.utf8) {
                end = end[(end.utf8.index(end.startIndex, offsetBy: mark.utf8.count))...]
            }
            let token = (vocabulary.tokens[Int(left)] ?? "") + end
            let merged = vocabulary.id(of: token) ?? vocabulary.append(token)
            merges.append(Merge(left: left, right: right, merged: merged))
            for word in top.words { merge(left, right, into: merged, in: Int(word)) }
            enqueue()
        }
        return Self.withoutRepeats(merges)
    }

    /// Keeps the last of merges of the same pair: two ways to spell one token may bring a pair
    /// back.
    private static func withoutRepeats(_ merges: [Merge]) -> [Merge] {
        var seen: Set<UInt64> = []
        let kept = merges.reversed().filter { seen.insert(key($0.left, $0.right)).inserted }
        return kept.reversed()
    }

    private mutating func merge(
        _ left: Int32, _ right: Int32, into merged: Int32, in word: Int
    ) {
        let start = starts[word]
        let end = start + lengths[word]
        let count = wordCounts[word]
        var from = start
        var to = start
        while from < end {
            if symbols[from] == left, from + 1 < end, symbols[from + 1] == right {
                if to > start {
                    change(symbols[to - 1], left, by: -count, in: word)
                    change(symbols[to - 1], merged, by: count, in: word)
                }
                if from + 2 < end {
                    change(right, symbols[from + 2], by: -count, in: word)
                    change(merged, symbols[from + 2], by: count, in: word)
                }
                symbols[to] = merged
                from += 2
            } else {
                symbols[to] = symbols[from]
                from += 1
            }
            to += 1
        }
        lengths[word] = to - start
    }

    /// Changes a pair's count; where it rises, the word is noted.
    private mutating func change(_ left: Int32, _ right: Int32, by count: Int, in word: Int) {
        let key = Self.key(left, right)
        let number: Int
        if let known = numbers[key] {
            number = known
        } else {
            number = pairs.count
            numbers[key] = number
            pairs.append(key)
            counts.append(0)
            fresh.append([])
        }
        counts[number] += count
        guard count > 0 else { return }
        if fresh[number].isEmpty { touched.append(number) }
        if fresh[number].last != Int32(word) { fresh[number].append(Int32(word)) }
    }

    /// Puts the pairs with fresh words into the queue.
    private mutating func enqueue() {
        for number in touched {
            if counts[number] > 0 {
                queue.push(
                    Entry(
                        count: counts[number], pair: pairs[number], number: number,
                        words: fresh[number]))
            }
            fresh[number] = []
        }
        touched.removeAll(keepingCapacity: true)
    }

    @inline(__always)
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}
