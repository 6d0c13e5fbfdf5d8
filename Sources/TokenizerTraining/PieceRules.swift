import Tokenizers

/// SentencePiece's: of pairs that are equally frequent the one with fewer characters merges first, then
/// the one that sorts first by its bytes.
///
/// A pair whose union is no piece (of two scripts, say) never merges. Of two ways to make one piece
/// the first alone merges. A pair whose last occurrence went is still a piece where the vocabulary has
/// room for it.
///
/// Source: sentencepiece 0.2.3, whose trainer looks at all pairs; before, it looked at the most
/// frequent ones of each hundred merges.
struct PieceRules: MergeRules {
    private struct Piece {
        /// Where its bytes begin in ``text``.
        let start: Int
        let bytes: Int
        let characters: Int
        /// As ``Scripts/script(of:)`` says; that of its first character that is of any.
        let script: UInt8
        /// It begins with the mark of a word's beginning.
        let isMarked: Bool
    }

    let leastCount = Int.min
    /// The pieces of several characters, in the order of their merges.
    private(set) var merged: [String] = []
    private var pieces: [Piece] = []
    /// The bytes of all pieces.
    private var text: [UInt8] = []
    private var known: Set<[UInt8]> = []
    private let most: Int
    private let longest: Int

    /// - Parameters:
    ///   - characters: those that are pieces, which symbols are numbered by
    ///   - longest: characters of a piece
    ///   - most: pieces of several characters
    init(characters: [UInt32], scripts: Scripts, longest: Int, most: Int) {
        self.most = most
        self.longest = longest
        for scalar in characters {
            let bytes = String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8
            let isMark = scalar == UnigramText.mark
            pieces.append(
                Piece(
                    start: text.count, bytes: bytes.count, characters: 1,
                    script: isMark ? Scripts.inherited : scripts.script(of: scalar),
                    isMarked: isMark))
            text += bytes
        }
    }

    var isFull: Bool { merged.count >= most }

    @inline(__always)
    func mayMerge(_ left: Int32, _ right: Int32) -> Bool {
        let (first, second) = (pieces[Int(left)], pieces[Int(right)])
        return !second.isMarked && first.characters + second.characters <= longest
            && (first.script == second.script || first.script == Scripts.inherited
                || second.script == Scripts.inherited)
    }

    /// The number of characters, and the first seven bytes.
    @inline(__always)
    func order(_ left: Int32, _ right: Int32) -> UInt64 {
        let (first, second) = (pieces[Int(left)], pieces[Int(right)])
        var order = UInt64(first.characters + second.characters)
        for place in 0..<7 { order = order << 8 | UInt64(byte(place, first, second)) }
        return order
    }

    @inline(__always)
    func precedes(_ pair: QueuedPair, _ other: QueuedPair) -> Bool {
        if pair.count != other.count { return pair.count > other.count }
        if pair.order != other.order { return pair.order < other.order }
        return precedesBehind(pair, other)
    }

    /// The order of pairs whose characters are as many, and whose first seven bytes are equal.
    private func precedesBehind(_ pair: QueuedPair, _ other: QueuedPair) -> Bool {
        let (left, right) = (pieces[Int(pair.left)], pieces[Int(pair.right)])
        let (otherLeft, otherRight) = (pieces[Int(other.left)], pieces[Int(other.right)])
        let bytes = max(left.bytes + right.bytes, otherLeft.bytes + otherRight.bytes)
        for place in stride(from: 7, to: bytes, by: 1) {
            let (one, two) = (byte(place, left, right), byte(place, otherLeft, otherRight))
            if one != two { return one < two }
        }
        return (pair.left, pair.right) < (other.left, other.right)
    }

    /// A byte of a union; 0 behind its end.
    @inline(__always)
    private func byte(_ place: Int, _ left: Piece, _ right: Piece) -> UInt8 {
        if place < left.bytes { return text[left.start + place] }
        let rest = place - left.bytes
        return rest < right.bytes ? text[right.start + rest] : 0
    }

    mutating func merge(_ left: Int32, _ right: Int32) -> Int32? {
        let (first, second) = (pieces[Int(left)], pieces[Int(right)])
        let bytes = Array(
            text[first.start..<(first.start + first.bytes)]
                + text[second.start..<(second.start + second.bytes)])
        guard known.insert(bytes).inserted else { return nil }
        merged.append(String(decoding: bytes, as: UTF8.self))
        pieces.append(
            Piece(
                start: text.count, bytes: bytes.count,
                characters: first.characters + second.characters,
                script: first.script == Scripts.inherited ? second.script : first.script,
                isMarked: first.isMarked))
        text += bytes
        return Int32(pieces.count - 1)
    }
}
