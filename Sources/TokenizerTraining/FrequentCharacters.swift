import Tokenizers

/// How often each character occurs, and which of them have to be pieces.
struct FrequentCharacters {
    private var counts = ScalarValues(0)

    /// Counts a character; U+0000 is none.
    mutating func add(_ scalar: UInt32, _ count: Int) {
        if scalar != 0 { counts[scalar] += count }
    }

    /// The most frequent characters that together make up a share of all, with their counts.
    ///
    /// Source: SentencePiece's trainer, which compares in float32 and counts boundaries too.
    func required(coverage: Double) -> [(scalar: UInt32, count: Int)] {
        var order: [(scalar: UInt32, count: Int)] = []
        counts.visit { scalar, count in
            if count > 0 { order.append((scalar, count)) }
        }
        order.sort { $0.count != $1.count ? $0.count > $1.count : $0.scalar < $1.scalar }
        let all = Double(order.reduce(0) { $0 + $1.count })
        var required: [(scalar: UInt32, count: Int)] = []
        var covered = 0
        for (scalar, count) in order {
            if Float(Double(covered) / all) >= Float(coverage) { break }
            covered += count
            if scalar != SpecialPieces.boundary { required.append((scalar, count)) }
        }
        return required
    }
}

/// Special pieces as texts may spell them: no piece that is learned holds a part of one.
struct SpecialPieces {
    /// What stands in a word for a special piece, and is never learned.
    static let boundary: UInt32 = 0x1F
    private var pieces = ByteTrie()
    /// Whether a piece begins with this byte.
    private var begins = [Bool](repeating: false, count: 256)

    /// - Parameter texts: as they are spelled
    init(_ texts: [String]) {
        for (number, text) in texts.enumerated() {
            pieces.insert(text.utf8, number: Int32(number), replaces: true)
            if let first = text.utf8.first { begins[Int(first)] = true }
        }
    }

    /// Adds the scalars of a word, `bytes[word]`.
    func append(_ bytes: [UInt8], _ word: Range<Int>, to scalars: inout [UInt32]) {
        var index = word.lowerBound
        while index < word.upperBound {
            if begins[Int(bytes[index])], let end = end(at: index, of: bytes, word.upperBound) {
                scalars.append(Self.boundary)
                index = end
            } else {
                scalars.append(ScalarClasses.scalar(at: index, of: bytes))
                index += ScalarClasses.length(startingWith: bytes[index])
            }
        }
    }

    /// Where the longest special piece that begins at `index` ends.
    private func end(at index: Int, of bytes: [UInt8], _ wordEnd: Int) -> Int? {
        var node = 0
        var found: Int?
        for place in index..<wordEnd {
            node = pieces.next(node, bytes[place])
            if node < 0 { break }
            if pieces.ending(node) >= 0 { found = place + 1 }
        }
        return found
    }
}
