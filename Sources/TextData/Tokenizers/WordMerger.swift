/// Merges the tokens of one word, and keeps the memory for the next.
///
/// Each step takes the pair of lowest rank, the leftmost of equals (Sennrich et al. 2016,
/// arXiv:1508.07909, with GPT-2's ranks). Short words look through all pairs, long ones keep a heap.
struct WordMerger {
    /// The tokens before and after merging.
    var tokens: [Int32] = []
    /// Tokens from which on the heap is faster.
    private let longWord: Int
    /// The merge of each token with the next one.
    private var values: [UInt64] = []
    private var previous: [Int] = []
    private var next: [Int] = []
    private var heap: [Candidate] = []

    /// A pair that may merge: the one at `position` if its merge is still `value`.
    private struct Candidate {
        let value: UInt64
        let position: Int

        static func < (left: Candidate, right: Candidate) -> Bool {
            // Equal ranks mean equal values.
            left.value != right.value
                ? left.value < right.value : left.position < right.position
        }
    }

    /// - Parameter longWord: how many tokens make a word long.
    init(longWord: Int = 40) { self.longWord = longWord }

    /// Merges ``tokens`` as far as `merges` goes.
    mutating func merge(_ merges: MergeTable) {
        if tokens.count < 2 { return }
        if tokens.count < longWord { mergeShort(merges) } else { mergeLong(merges) }
    }

    private mutating func mergeShort(_ merges: MergeTable) {
        values.removeAll(keepingCapacity: true)
        for index in 1..<tokens.count {
            values.append(merges.value(tokens[index - 1], tokens[index]))
        }
        while true {
            var best = MergeTable.none
            var place = 0
            for index in 0..<values.count where values[index] < best {
                best = values[index]
                place = index
            }
            if best == MergeTable.none { return }
            tokens[place] = MergeTable.token(best)
            tokens.remove(at: place + 1)
            values.remove(at: place)
            if place > 0 { values[place - 1] = merges.value(tokens[place - 1], tokens[place]) }
            if place < values.count {
                values[place] = merges.value(tokens[place], tokens[place + 1])
            }
        }
    }

    private mutating func mergeLong(_ merges: MergeTable) {
        let count = tokens.count
        previous = Array(-1..<(count - 1))
        next = Array(1...count)
        values = [UInt64](repeating: MergeTable.none, count: count)
        heap.removeAll(keepingCapacity: true)
        for index in 0..<(count - 1) { consider(index, merges) }
        while let best = pop() {
            let place = best.position
            guard values[place] == best.value else { continue }
            let removed = next[place]
            tokens[place] = MergeTable.token(best.value)
            values[removed] = MergeTable.none
            next[place] = next[removed]
            if next[place] < count { previous[next[place]] = place }
            consider(place, merges)
            if previous[place] >= 0 { consider(previous[place], merges) }
        }
        var kept = 0
        var index = 0
        while index < count {
            tokens[kept] = tokens[index]
            kept += 1
            index = next[index]
        }
        tokens.removeLast(count - kept)
    }

    /// Notes the merge of the token at `position` with the next one.
    private mutating func consider(_ position: Int, _ merges: MergeTable) {
        let right = next[position]
        values[position] =
            right < tokens.count ? merges.value(tokens[position], tokens[right]) : MergeTable.none
        guard values[position] != MergeTable.none else { return }
        heap.append(Candidate(value: values[position], position: position))
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func pop() -> Candidate? {
        guard let last = heap.popLast() else { return nil }
        guard let top = heap.first else { return last }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child] < heap[least] {
                least = child
            }
            if least == parent { return top }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
