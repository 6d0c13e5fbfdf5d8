import Dispatch
import Synchronization

/// The pieces that Unigram training starts from: all parts of words that occur twice or more and that
/// no longer part always stands for, found by sorting the ends of words (SentencePiece's suffix
/// array, over distinct words with their counts).
struct UnigramSeeds: Sendable {
    /// Parts of words that begin alike.
    struct Seed: Sendable {
        /// The first of its places in ``orders``, of the part that has this number.
        let order: Int32
        let first: Int32
        let count: Int32
        let length: UInt8
        /// Characters of all its occurrences.
        let score: Int
    }

    /// Places in the text, sorted by what follows, by the first character.
    private(set) var orders: [[UInt32]]
    /// The best seeds, the best first.
    private(set) var seeds: [Seed] = []

    /// - Parameters:
    ///   - longest: characters of a piece
    ///   - most: seeds that are kept
    init(_ text: UnigramText, scripts: Scripts, longest: Int, most: Int) {
        var numbers: [UInt32: Int] = [:]
        var unsorted: [[UInt32]] = []
        for (place, character) in text.characters.enumerated() where character < UnigramText.rare {
            if let number = numbers[character] {
                unsorted[number].append(UInt32(place))
            } else {
                numbers[character] = unsorted.count
                unsorted.append([UInt32(place)])
            }
        }
        let given = unsorted
        unsorted = []
        let results = Mutex([(order: [UInt32], seeds: [Seed])?](repeating: nil, count: given.count))
        DispatchQueue.concurrentPerform(iterations: given.count) { number in
            var sorter = Sorter(
                text: text, scripts: scripts, longest: longest, number: Int32(number),
                order: given[number])
            sorter.sort()
            let (order, seeds) = (sorter.order, sorter.seeds)
            results.withLock { $0[number] = (order, seeds) }
        }
        let sorted = results.withLock { $0 }
        orders = sorted.map { $0?.order ?? [] }
        for part in sorted { seeds += part?.seeds ?? [] }
        seeds.sort { left, right in
            if left.score != right.score { return left.score > right.score }
            if left.length != right.length { return left.length < right.length }
            return (left.order, left.first) < (right.order, right.first)
        }
        if seeds.count > most { seeds.removeLast(seeds.count - most) }
    }

    /// Places of the text that a seed begins at.
    func places(_ seed: Seed) -> ArraySlice<UInt32> {
        orders[Int(seed.order)][Int(seed.first)..<Int(seed.first + seed.count)]
    }

    /// Sorts places that begin with one character, by multikey quicksort (Bentley and Sedgewick 1997),
    /// in which every group of places that go on alike is met once.
    private struct Sorter {
        let text: UnigramText
        let scripts: Scripts
        let longest: Int
        let number: Int32
        var order: [UInt32]
        var seeds: [Seed] = []
        private var open: [(first: Int, end: Int, depth: Int)] = []

        init(
            text: UnigramText, scripts: Scripts, longest: Int, number: Int32, order: [UInt32]
        ) {
            self.text = text
            self.scripts = scripts
            self.longest = longest
            self.number = number
            self.order = order
        }

        mutating func sort() {
            group(0, order.count, length: 1)
            while let (first, end, depth) = open.popLast() { partition(first, end, depth) }
        }

        @inline(__always)
        private func character(_ index: Int, _ depth: Int) -> UInt32 {
            text.characters[Int(order[index]) + depth]
        }

        /// Parts places that agree in `depth` characters by the next one.
        private mutating func partition(_ first: Int, _ end: Int, _ depth: Int) {
            if end - first < 1 { return }
            let pivot = middle(first, end, depth)
            var (low, index, high) = (first, first, end)
            while index < high {
                let value = character(index, depth)
                if value < pivot {
                    order.swapAt(low, index)
                    low += 1
                    index += 1
                } else if value > pivot {
                    high -= 1
                    order.swapAt(index, high)
                } else {
                    index += 1
                }
            }
            if low > first { open.append((first, low, depth)) }
            if end > high { open.append((high, end, depth)) }
            if pivot < UnigramText.rare { group(low, high, length: depth + 1) }
        }

        private func middle(_ first: Int, _ end: Int, _ depth: Int) -> UInt32 {
            let one = character(first, depth)
            let two = character((first + end) / 2, depth)
            let three = character(end - 1, depth)
            return max(min(one, two), min(max(one, two), three))
        }

        /// Takes all places that begin with the same `length` characters.
        private mutating func group(_ first: Int, _ end: Int, length: Int) {
            var weight = 0
            let next = character(first, length)
            var branches = false
            for index in first..<end {
                weight += text.counts[Int(text.words[Int(order[index])])]
                let other = character(index, length)
                if other != next || other >= UnigramText.rare { branches = true }
            }
            if weight < 2 { return }
            if end - first == 1 { return takeWhole(first, length, weight) }
            if length > 1, branches { take(first, end - first, length, weight) }
            if length < longest { open.append((first, end, length)) }
        }

        /// The rest of a word that alone begins so.
        private mutating func takeWhole(_ index: Int, _ length: Int, _ weight: Int) {
            var length = length
            while character(index, length) < UnigramText.rare {
                length += 1
                if length > longest { return }
            }
            if length > 1 { take(index, 1, length, weight) }
        }

        private mutating func take(_ first: Int, _ count: Int, _ length: Int, _ weight: Int) {
            let place = Int(order[first])
            guard scripts.allow(text.characters[place..<(place + length)]) else { return }
            seeds.append(
                Seed(
                    order: number, first: Int32(first), count: Int32(count),
                    length: UInt8(length), score: weight * length))
        }
    }
}
