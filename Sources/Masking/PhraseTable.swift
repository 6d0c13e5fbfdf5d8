/// Phrases and names as runs of ids, found among the words of a text.
package struct PhraseTable: Sendable {
    private struct Node: Sendable {
        var next: [Int32: Int] = [:]
        var isEnd = false
    }

    private var nodes = [Node()]

    /// - Parameter phrases: ids of each; empty ones are passed over.
    package init(_ phrases: some Sequence<[Int32]>) {
        for phrase in phrases where !phrase.isEmpty {
            var node = 0
            for id in phrase {
                if let next = nodes[node].next[id] {
                    node = next
                } else {
                    nodes.append(Node())
                    nodes[node].next[id] = nodes.count - 1
                    node = nodes.count - 1
                }
            }
            nodes[node].isEnd = true
        }
    }

    /// The places of each unit: the longest phrase that begins with a word and ends with one, else the word.
    ///
    /// - Parameter words: ascending, of `ids`.
    package func units(of words: [Range<Int>], in ids: [Int32]) -> [Range<Int>] {
        var units: [Range<Int>] = []
        var number = 0
        while number < words.count {
            let count = wordsOfPhrase(at: number, words, ids)
            units.append(
                words[number].lowerBound..<words[number + count - 1].upperBound)
            number += count
        }
        return units
    }

    /// How many words the longest phrase has; 1 where there is none.
    private func wordsOfPhrase(at first: Int, _ words: [Range<Int>], _ ids: [Int32]) -> Int {
        var (node, count, end) = (0, 1, words[first].lowerBound)
        for number in first..<words.count {
            // A special token is in no phrase.
            guard words[number].lowerBound == end else { break }
            for place in words[number] {
                guard let next = nodes[node].next[ids[place]] else { return count }
                node = next
            }
            if nodes[node].isEnd { count = number - first + 1 }
            end = words[number].upperBound
        }
        return count
    }
}
