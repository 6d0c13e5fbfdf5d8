/// How a WordPiece model cuts words.
package struct WordPieceRules: Sendable, Equatable {
    /// What a token that goes on within a word begins with.
    package var continuation: String
    /// Characters of a word; longer ones are one unknown token (`max_input_chars_per_word`).
    package var longestWord: Int

    package init(continuation: String = "##", longestWord: Int = 100) {
        self.continuation = continuation
        self.longestWord = longestWord
    }
}

/// Cuts a word into the longest tokens from the left (Wu et al. 2016, arXiv:1609.08144, with BERT's
/// greedy search). A word with a place that no token fits is one unknown token.
struct WordPieceModel: Sendable {
    /// Ids of the tokens that may begin a word, and of those that go on in one, without their mark.
    private let beginnings: ByteTrie
    private let continuations: ByteTrie
    private let unknownID: Int32
    private let longestWord: Int

    /// A model of tokens by id.
    init(tokens: [String?], rules: WordPieceRules, unknownID: Int32) {
        let mark = Array(rules.continuation.utf8)
        let size = tokens.reduce(0) { $0 + ($1?.utf8.count ?? 0) }
        var beginnings = ByteTrie(capacity: size)
        var continuations = ByteTrie(capacity: size / 2)
        for (id, token) in tokens.enumerated() {
            guard let token, !token.isEmpty else { continue }
            beginnings.insert(token.utf8, number: Int32(id), replaces: true)
            if token.utf8.starts(with: mark), token.utf8.count > mark.count {
                continuations.insert(
                    token.utf8.dropFirst(mark.count), number: Int32(id), replaces: true)
            }
        }
        self.beginnings = beginnings
        self.continuations = continuations
        self.unknownID = unknownID
        longestWord = rules.longestWord
    }

    /// Adds the tokens of the word `bytes[start..<end]` to `ids`.
    func encode(_ bytes: [UInt8], _ start: Int, _ end: Int, into ids: inout [Int32]) {
        let first = ids.count
        var place = start
        if end - start > longestWord, Self.count(bytes, start, end) > longestWord { place = -1 }
        while place >= 0, place < end {
            place = append(bytes, from: place, to: end, isFirst: place == start, &ids)
        }
        if place < 0 {
            ids.removeLast(ids.count - first)
            ids.append(unknownID)
        }
    }

    /// Where the longest token at `place` ends; -1 without any.
    @inline(__always)
    private func append(
        _ bytes: [UInt8], from place: Int, to end: Int, isFirst: Bool, _ ids: inout [Int32]
    ) -> Int {
        var node = 0
        var index = place
        var found: (end: Int, id: Int32) = (-1, -1)
        while index < end {
            node =
                isFirst
                ? beginnings.next(node, bytes[index]) : continuations.next(node, bytes[index])
            if node < 0 { break }
            index += 1
            let id = isFirst ? beginnings.ending(node) : continuations.ending(node)
            if id >= 0 { found = (index, id) }
        }
        if found.end >= 0 { ids.append(found.id) }
        return found.end
    }

    /// Characters of a word.
    private static func count(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        var count = 0
        for index in start..<end where bytes[index] & 0xC0 != 0x80 { count += 1 }
        return count
    }
}
