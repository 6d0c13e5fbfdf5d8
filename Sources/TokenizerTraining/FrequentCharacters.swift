import Tokenizers

/// How often each character occurs, and which of them have to be pieces.
struct FrequentCharacters {
    private var counts: [UInt32: Int] = [:]

    /// Counts a character; U+0000 is none.
    mutating func add(_ scalar: UInt32, _ count: Int) {
        if scalar != 0 { counts[scalar, default: 0] += count }
    }

    /// The most frequent characters that together make up a share of all, with their counts.
    ///
    /// Source: SentencePiece's trainer, which compares in float32 and counts boundaries too.
    func required(coverage: Double) -> [(scalar: UInt32, count: Int)] {
        let order = counts.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key
        }
        let all = Double(order.reduce(0) { $0 + $1.value })
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

    /// - Parameter texts: as they are spelled
    init(_ texts: [String]) {
        for (number, text) in texts.enumerated() {
            pieces.insert(text.utf8, number: Int32(number), replaces: true)
        }
    }

    /// Adds the scalars of a word.
    func append(_ word: ArraySlice<UInt8>, to scalars: inout [UInt32]) {
        let bytes = Array(word)
        var index = 0
        while index < bytes.count {
            if let end = end(at: index, of: bytes) {
                scalars.append(Self.boundary)
                index = end
            } else {
                scalars.append(ScalarClasses.scalar(at: index, of: bytes))
                index += ScalarClasses.length(startingWith: bytes[index])
            }
        }
    }

    /// Where the longest special piece that begins at `index` ends.
    private func end(at index: Int, of bytes: [UInt8]) -> Int? {
        var node = 0
        var found: Int?
        for place in index..<bytes.count {
            node = pieces.next(node, bytes[place])
            if node < 0 { break }
            if pieces.ending(node) >= 0 { found = place + 1 }
        }
        return found
    }
}
