import Tokenizers

/// Which pairs of neighbouring symbols merge, and into what: what one kind of tokenizer does its own way.
protocol MergeRules: HeapOrder where Element == QueuedPair {
    /// The least count of a pair that merges.
    var leastCount: Int { get }
    /// Whether nothing more is to be learned.
    var isFull: Bool { get }

    /// Whether a pair ever merges.
    func mayMerge(_ left: Int32, _ right: Int32) -> Bool

    /// Where a pair stands among those of its count, the least first.
    func order(_ left: Int32, _ right: Int32) -> UInt64

    /// The symbol that a pair becomes; `nil` where it stays two.
    mutating func merge(_ left: Int32, _ right: Int32) -> Int32?
}

/// A pair that waits to be merged.
struct QueuedPair {
    fileprivate(set) var count: Int
    /// What ``MergeRules/order(_:_:)`` said.
    let order: UInt64
    let left: Int32
    let right: Int32
    /// Where the words stand that it was seen in, and how many they are.
    fileprivate let firstWord: Int
    fileprivate let wordCount: Int
}

/// Finds the merges of a training: repeatedly the most frequent pair of neighbouring symbols.
///
/// A pair keeps a list of the words it was seen in, so that a merge visits only those. Counts
/// follow Hugging Face's bookkeeping exactly, also where a run of one symbol makes pairs overlap.
struct MergeLearner<Rules: MergeRules> {
    private(set) var rules: Rules
    /// The words, which each are known by where they begin in it: number of symbols, how often the word
    /// occurs (lower half, upper half), symbols. Negative symbols are in no pair.
    private var words: [Int32]
    private var counts = PairCounts()
    private var pairs: [Pair] = []
    /// Words of the pairs in the queue, pair by pair.
    private var places: [UInt32] = []
    /// Pairs that came up since the queue was last filled, in which words.
    private var fresh: [(pair: Int32, word: UInt32)] = []
    /// The pairs among them.
    private var touched: [Int32] = []
    private var queue = BinaryHeap<QueuedPair>()
    /// Something of the words of a block, read so that these are fetched from memory all at once, and not
    /// one after another.
    private var glanced: Int32 = 0
    /// More loads from memory than this no core has under way.
    private static var block: Int { 32 }

    /// What of a pair is asked for only where its count rises.
    private struct Pair {
        let left: Int32
        let right: Int32
        /// Words that it came up in since the queue was last filled, and the last of them.
        var freshCount = 0
        var lastWord = UInt32.max
        /// Where the next of its words goes; -1 where it is not queued.
        var place = 0
    }

    /// Numbers before the symbols of a word.
    private static var header: Int { 3 }

    /// - Parameters:
    ///   - symbols: those of all words, one word after another
    ///   - lengths: symbols of each word
    ///   - counts: how often each word occurs
    init(symbols: [Int32], lengths: [Int], counts: [Int], rules: Rules) {
        self.rules = rules
        words = []
        let size = symbols.count + Self.header * counts.count
        precondition(size < Int(UInt32.max), "merge learner: \(symbols.count) symbols of words")
        words.reserveCapacity(size)
        fresh.reserveCapacity(max(symbols.count - counts.count, 0))
        var start = 0
        for (length, count) in zip(lengths, counts) {
            let end = start + length
            if length > 1 {
                let word = UInt32(words.count)
                words.append(Int32(length))
                words.append(Int32(truncatingIfNeeded: count))
                words.append(Int32(truncatingIfNeeded: count >> 32))
                words.append(contentsOf: symbols[start..<end])
                for index in start..<(end - 1) {
                    change(symbols[index], symbols[index + 1], by: count, in: word)
                }
            }
            start = end
        }
        enqueue()
        // The first list is by far the longest.
        fresh = []
    }

    /// Merges until the rules say that it is enough, or no pair is left that waits.
    mutating func learn() {
        while !rules.isFull, var top = queue.pop(by: rules) {
            let count = counts.count(of: top.left, top.right)
            if top.count != count {
                top.count = count
                queue.push(top, by: rules)
                continue
            }
            if count < rules.leastCount { break }
            guard let merged = rules.merge(top.left, top.right) else { continue }
            merge(top, into: merged)
            enqueue()
        }
    }

    /// Merges a pair in all its words.
    private mutating func merge(_ pair: QueuedPair, into merged: Int32) {
        let end = pair.firstWord + pair.wordCount
        for first in stride(from: pair.firstWord, to: end, by: Self.block) {
            let block = first..<min(first + Self.block, end)
            for place in block { glanced |= words[Int(places[place])] }
            for place in block { merge(pair.left, pair.right, into: merged, in: places[place]) }
        }
    }

    private mutating func merge(
        _ left: Int32, _ right: Int32, into merged: Int32, in word: UInt32
    ) {
        let start = Int(word) + Self.header
        let end = start + Int(words[Int(word)])
        var from = start
        while from + 1 < end, words[from] != left || words[from + 1] != right { from += 1 }
        if from + 1 >= end { return }
        let count =
            Int(words[Int(word) + 2]) << 32 | Int(UInt32(bitPattern: words[Int(word) + 1]))
        var to = from
        while from < end {
            if words[from] == left, from + 1 < end, words[from + 1] == right {
                if to > start {
                    change(words[to - 1], left, by: -count, in: word)
                    change(words[to - 1], merged, by: count, in: word)
                }
                if from + 2 < end {
                    change(right, words[from + 2], by: -count, in: word)
                    change(merged, words[from + 2], by: count, in: word)
                }
                words[to] = merged
                from += 2
            } else {
                words[to] = words[from]
                from += 1
            }
            to += 1
        }
        words[Int(word)] = Int32(to - start)
    }

    /// Changes a pair's count; where it rises, the word is noted.
    @inline(__always)
    private mutating func change(_ left: Int32, _ right: Int32, by count: Int, in word: UInt32) {
        if left < 0 || right < 0 { return }
        let slot = slot(of: left, right)
        let number = counts.add(count, at: slot)
        guard count > 0, number >= 0, pairs[number].lastWord != word else { return }
        if pairs[number].freshCount == 0 { touched.append(Int32(number)) }
        pairs[number].freshCount += 1
        pairs[number].lastWord = word
        fresh.append((Int32(number), word))
    }

    /// The slot of a pair, which gets a number if it is met for the first time, -1 if it never merges.
    @inline(__always)
    private mutating func slot(of left: Int32, _ right: Int32) -> Int {
        let key = PairCounts.key(left, right)
        let slot = counts.slot(of: key)
        if counts.isUsed(slot) { return slot }
        guard rules.mayMerge(left, right) else { return counts.insert(key, number: -1, at: slot) }
        pairs.append(Pair(left: left, right: right))
        return counts.insert(key, number: Int32(pairs.count - 1), at: slot)
    }

    /// Puts the pairs that came up into the queue, with the words they came up in.
    private mutating func enqueue() {
        var end = places.count
        // A pair that is too rare now may come up again.
        let least = min(rules.leastCount, 1)
        for number in touched {
            let pair = pairs[Int(number)]
            let count = counts.count(of: pair.left, pair.right)
            pairs[Int(number)].place = count >= least ? end : -1
            guard count >= least else { continue }
            queue.push(
                QueuedPair(
                    count: count, order: rules.order(pair.left, pair.right), left: pair.left,
                    right: pair.right, firstWord: end, wordCount: pair.freshCount),
                by: rules)
            end += pair.freshCount
        }
        places.append(contentsOf: repeatElement(0, count: end - places.count))
        for (number, word) in fresh {
            let place = pairs[Int(number)].place
            if place < 0 { continue }
            places[place] = word
            pairs[Int(number)].place = place + 1
        }
        for number in touched {
            pairs[Int(number)].freshCount = 0
            pairs[Int(number)].lastWord = UInt32.max
        }
        touched.removeAll(keepingCapacity: true)
        fresh.removeAll(keepingCapacity: true)
    }
}
