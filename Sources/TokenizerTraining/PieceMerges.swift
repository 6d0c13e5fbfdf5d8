import Tokenizers

/// Finds SentencePiece's merges: repeatedly the most frequent pair of neighbouring pieces, of equals
/// the shorter, then the one that sorts first by its bytes.
///
/// A pair whose union is no piece (of two scripts, say) never merges. Of two ways to make one piece
/// the first alone merges. A pair whose last occurrence went is still a piece where the vocabulary has
/// room for it.
///
/// Source: sentencepiece 0.2.3, whose trainer looks at all pairs; before, it looked at the most
/// frequent ones of each hundred merges.
struct PieceMerges {
    /// A piece: its scalars, and the bytes of its text.
    private struct Piece {
        let scalars: [UInt32]
        let bytes: [UInt8]
    }

    /// Two neighbours.
    private struct Pair {
        let left: Int32
        let right: Int32
        /// `nil` where the union is no piece.
        let union: Piece?
        var count = 0
        /// Words that it came up in; some may hold it no more.
        var words: [Int32] = []
        /// It waits for being queued.
        var isTouched = false
        /// It was merged, or another way to the same piece was.
        var isDone = false
    }

    /// A pair in the queue.
    private struct Entry: Comparable {
        let count: Int
        let length: Int
        let bytes: [UInt8]
        let pair: Int

        /// Whether the left one is to be merged first.
        static func < (left: Entry, right: Entry) -> Bool {
            if left.count != right.count { return left.count > right.count }
            if left.length != right.length { return left.length < right.length }
            return left.bytes.lexicographicallyPrecedes(right.bytes)
        }

        static func == (left: Entry, right: Entry) -> Bool {
            left.count == right.count && left.bytes == right.bytes
        }
    }

    private var pieces: [Piece] = []
    /// The pieces of all words, one word after another; -1 for rare characters.
    private var symbols: [Int32] = []
    private var starts: [Int] = []
    private var lengths: [Int] = []
    private let wordCounts: [Int]

    /// The number of each pair met, by both pieces.
    private var numbers: [UInt64: Int] = [:]
    private var pairs: [Pair] = []
    private var touched: [Int] = []
    private var queue = BinaryHeap<Entry>()

    private let scripts: Scripts
    private let longest: Int

    /// - Parameters:
    ///   - words: scalars of each
    ///   - counts: how often each occurs
    ///   - characters: those that are pieces
    ///   - longest: characters of a piece
    init(
        words: [[UInt32]], counts: [Int], characters: [UInt32], scripts: Scripts, longest: Int
    ) {
        self.scripts = scripts
        self.longest = longest
        wordCounts = counts
        var ids: [UInt32: Int32] = [:]
        for scalar in characters {
            ids[scalar] = Int32(pieces.count)
            pieces.append(Piece(scalars: [scalar], bytes: Self.bytes(of: scalar)))
        }
        symbols.reserveCapacity(words.reduce(0) { $0 + $1.count })
        for word in words {
            starts.append(symbols.count)
            lengths.append(word.count)
            for scalar in word { symbols.append(ids[scalar] ?? -1) }
        }
        for word in starts.indices where lengths[word] > 1 {
            for index in starts[word]..<(starts[word] + lengths[word] - 1) {
                change(symbols[index], symbols[index + 1], by: wordCounts[word], in: word)
            }
        }
        enqueue()
    }

    /// Merges until there are `most` pieces of several characters, or no pair is left.
    ///
    /// - Returns: the texts of the pieces, in the order of their merges.
    mutating func learn(most: Int) -> [String] {
        var found: [String] = []
        var known: Set<[UInt8]> = []
        while found.count < most, let top = queue.pop() {
            if pairs[top.pair].isDone { continue }
            let count = pairs[top.pair].count
            if count != top.count {
                // Where its count rose, it was queued again.
                if count < top.count { enqueue(top.pair) }
                continue
            }
            pairs[top.pair].isDone = true
            let words = pairs[top.pair].words
            pairs[top.pair].words = []
            guard known.insert(top.bytes).inserted, let union = pairs[top.pair].union else {
                continue
            }
            found.append(String(decoding: top.bytes, as: UTF8.self))
            let merged = Int32(pieces.count)
            pieces.append(union)
            for word in words {
                merge(pairs[top.pair].left, pairs[top.pair].right, into: merged, in: Int(word))
            }
            enqueue()
        }
        return found
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
        if left < 0 || right < 0 { return }
        let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
        let number: Int
        if let known = numbers[key] {
            number = known
        } else {
            number = pairs.count
            numbers[key] = number
            pairs.append(Pair(left: left, right: right, union: union(left, right)))
        }
        guard !pairs[number].isDone, pairs[number].union != nil else { return }
        pairs[number].count += count
        guard count > 0 else { return }
        if pairs[number].words.last != Int32(word) { pairs[number].words.append(Int32(word)) }
        if !pairs[number].isTouched {
            pairs[number].isTouched = true
            touched.append(number)
        }
    }

    private func union(_ left: Int32, _ right: Int32) -> Piece? {
        let (first, second) = (pieces[Int(left)], pieces[Int(right)])
        guard first.scalars.count + second.scalars.count <= longest else { return nil }
        let scalars = first.scalars + second.scalars
        guard scripts.allow(scalars[...]) else { return nil }
        return Piece(scalars: scalars, bytes: first.bytes + second.bytes)
    }

    /// Queues the pairs whose counts rose.
    private mutating func enqueue() {
        for number in touched {
            pairs[number].isTouched = false
            enqueue(number)
        }
        touched.removeAll(keepingCapacity: true)
    }

    private mutating func enqueue(_ number: Int) {
        guard let union = pairs[number].union else { return }
        queue.push(
            Entry(
                count: pairs[number].count, length: union.scalars.count, bytes: union.bytes,
                pair: number))
    }

    private static func bytes(of scalar: UInt32) -> [UInt8] {
        Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    }
}
