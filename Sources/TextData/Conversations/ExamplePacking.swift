package import Templates

/// Puts several examples into one sequence, as LLaMA-Factory does.
package enum ExamplePacking {
    /// Which lengths go together: the largest that still fits, until none does; then the next
    /// sequence.
    package static func groups(_ lengths: [Int], capacity: Int) -> [[Int]] {
        var rest = lengths.sorted()
        var groups: [[Int]] = []
        while !rest.isEmpty {
            var group: [Int] = []
            var room = capacity
            while let index = lastIndex(in: rest, atMost: room) {
                room -= rest[index]
                group.append(rest.remove(at: index))
            }
            // Nothing fits any more: what is left is longer than a sequence.
            if group.isEmpty { break }
            groups.append(group)
        }
        return groups
    }

    private static func lastIndex(in sorted: [Int], atMost value: Int) -> Int? {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : low - 1
    }

    /// Packs the examples of one batch of rows; those longer than `capacity` are left out.
    ///
    /// LLaMA-Factory fills sequences up with padding that is not learned; here the collator pads.
    ///
    /// - Parameter numbers: examples know which ids are theirs (`neat_packing`).
    package static func pack(
        _ examples: [TokenizedExample], capacity: Int, numbers: Bool
    ) -> [TokenizedExample] {
        let kept = examples.filter { $0.ids.count <= capacity }
        var byLength: [Int: [Int]] = [:]
        for (index, example) in kept.enumerated() {
            byLength[example.ids.count, default: []].append(index)
        }
        return groups(kept.map(\.ids.count), capacity: capacity).map { group in
            var pack = TokenizedExample(ids: [], labels: [], segments: numbers ? [] : nil)
            for (number, length) in group.enumerated() {
                // Of examples of one length the last one comes first.
                guard let index = byLength[length]?.popLast() else { continue }
                pack.ids += kept[index].ids
                pack.labels += kept[index].labels
                pack.segments?.append(
                    contentsOf: repeatElement(Int32(number + 1), count: length))
            }
            return pack
        }
    }
}
