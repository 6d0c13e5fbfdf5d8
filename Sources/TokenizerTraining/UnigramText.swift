import Tokenizers

/// The distinct words of texts as characters, one word after another: what Unigram training works on.
struct UnigramText: Sendable {
    /// What stands after each word.
    static let end = UInt32.max
    /// What rare characters, which no piece holds, are.
    static let rare = UInt32.max - 1
    /// SentencePiece's mark of a word's beginning.
    static let mark: UInt32 = 0x2581

    /// Scalars, ``end`` and ``rare``.
    private(set) var characters: [UInt32] = []
    /// The word that each character is of.
    private(set) var words: [UInt32] = []
    /// Where each word begins, and the end of the last.
    private(set) var starts: [Int] = []
    /// How often each word occurs.
    let counts: [Int]
    /// Characters that have to be pieces, the most frequent first, with their counts.
    let required: [(scalar: UInt32, count: Int)]

    /// - Parameters:
    ///   - special: pieces that no other may hold
    ///   - coverage: the share of all characters that are to be pieces; the rarest are not.
    init(_ counter: WordCounter, special: SpecialPieces, coverage: Double) {
        counts = counter.counts
        characters.reserveCapacity(counter.words.byteCount + counts.count)
        words.reserveCapacity(counter.words.byteCount + counts.count)
        var alphabet = FrequentCharacters()
        let bytes = counter.words.bytes
        for number in counts.indices {
            starts.append(characters.count)
            special.append(bytes, counter.words.range(of: number), to: &characters)
            for character in characters[starts[number]...] {
                alphabet.add(character, counts[number])
                words.append(UInt32(number))
            }
            characters.append(Self.end)
            words.append(UInt32(number))
        }
        starts.append(characters.count)
        required = alphabet.required(coverage: coverage)
        let kept = Set(required.map(\.scalar))
        for place in characters.indices
        where characters[place] < Self.rare && !kept.contains(characters[place]) {
            characters[place] = Self.rare
        }
    }

    /// The text of a piece.
    func string(_ place: Int, _ length: Int) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in characters[place..<(place + length)] {
            scalars.append(Unicode.Scalar(scalar) ?? "\u{FFFD}")
        }
        return String(scalars)
    }
}
