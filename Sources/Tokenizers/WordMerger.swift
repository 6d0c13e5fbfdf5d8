/// Merges the tokens of one word, and keeps the memory for the next.
///
/// Each step takes the pair of lowest rank, the leftmost of equals (Sennrich et al. 2016,
/// arXiv:1508.07909, with GPT-2's ranks). Short words look through all pairs, long ones keep a
/// heap.
struct WordMerger {
    /// The tokens before and after merging.
    var tokens: [Int32] = []
    /// Bytes of each unknown token among them, in order.
    var unknownLengths: [Int] = []
    /// Tokens from which on the heap is faster.
    private static let longWord = 40
    /// The merge of each token with the next one.
    private var values: [UInt64] = []
    private var previous: [Int] = []
    private var next: [Int] = []
    /// rank << 32 | position of pairs that may merge: those that still have that rank.
    private var heap = BinaryHeap<UInt64>()

    /// Merges ``tokens`` as far as `merges` goes.
    mutating func merge(_ merges: MergeTable) {
        if tokens.count < 2 { return }
        if tokens.count < Self.longWord { mergeShort(merges) } else { mergeLong(merges) }
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
        heap.removeAll()
        for index in 0..<(count - 1) { consider(index, merges) }
        while let candidate = heap.pop() {
            let place = Int(candidate & 0xFFFF_FFFF)
            guard values[place] >> 32 == candidate >> 32 else { continue }
            let removed = next[place]
            tokens[place] = MergeTable.token(values[place])
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
        heap.push(values[position] & 0xFFFF_FFFF_0000_0000 | UInt64(position))
    }
}
