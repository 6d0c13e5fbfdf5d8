/// Where the sentences and documents of a dataset lie whose ids say it, as ``SentenceText`` writes them.
package struct SentenceTable: Sendable {
    /// The first place of each sentence in the row of ids, and how many tokens it has: 1 at least.
    package private(set) var starts: [Int] = []
    package private(set) var lengths: [Int32] = []
    /// The sentences of each document: 1 at least.
    package private(set) var documents: [Range<Int>] = []

    private static let pieceTokens = 1 << 16

    /// Of `count` ids, which `read` gives once, piece by piece.
    ///
    /// - Throws: what `read` throws.
    package init<Failure: Error>(
        count: Int, marks: SentenceText, read: (Range<Int>) throws(Failure) -> [Int32]
    ) throws(Failure) {
        var (start, first) = (0, 0)
        for piece in stride(from: 0, to: count, by: Self.pieceTokens) {
            let places = piece..<min(piece + Self.pieceTokens, count)
            for (place, id) in zip(places, try read(places))
            where id == marks.sentenceEnd || id == marks.documentEnd {
                add(start..<place)
                start = place + 1
                if id == marks.documentEnd { end(from: &first) }
            }
        }
        add(start..<count)
        end(from: &first)
    }

    /// Of documents whose sentences have these lengths, one after another.
    package init(lengths documents: [[Int]]) {
        var (start, first) = (0, 0)
        for document in documents {
            for length in document {
                add(start..<start + length)
                start += length
            }
            end(from: &first)
        }
    }

    private mutating func add(_ places: Range<Int>) {
        guard !places.isEmpty else { return }
        starts.append(places.lowerBound)
        lengths.append(Int32(clamping: places.count))
    }

    private mutating func end(from first: inout Int) {
        guard starts.count > first else { return }
        documents.append(first..<starts.count)
        first = starts.count
    }

    /// Tokens of some sentences.
    func tokens(of sentences: Range<Int>) -> Int {
        lengths[sentences].reduce(0) { $0 + Int($1) }
    }
}
