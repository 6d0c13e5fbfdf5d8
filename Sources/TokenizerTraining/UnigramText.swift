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

    /// - Parameter coverage: the share of all characters that are to be pieces; the rarest are not.
    init(_ counter: WordCounter, coverage: Double) {
        counts = counter.counts
        characters.reserveCapacity(counter.words.byteCount + counts.count)
        words.reserveCapacity(counter.words.byteCount + counts.count)
        var frequencies: [UInt32: Int] = [:]
        for number in counts.indices {
            starts.append(characters.count)
            let bytes = Array(counter.words[number])
            var index = 0
            while index < bytes.count {
                let scalar = ScalarClasses.scalar(at: index, of: bytes)
                characters.append(scalar == 0 ? Self.rare : scalar)
                words.append(UInt32(number))
                if scalar != 0 { frequencies[scalar, default: 0] += counts[number] }
                index += ScalarClasses.length(startingWith: bytes[index])
            }
            characters.append(Self.end)
            words.append(UInt32(number))
        }
        starts.append(characters.count)
        let order = frequencies.sorted {
            $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key
        }
        let all = Double(order.reduce(0) { $0 + $1.value })
        var required: [(scalar: UInt32, count: Int)] = []
        var covered = 0
        for (scalar, count) in order {
            if Double(covered) / all >= coverage { break }
            covered += count
            required.append((scalar, count))
        }
        self.required = required
        let kept = Set(required.map(\.scalar))
        if kept.count < order.count {
            for place in characters.indices
            where characters[place] < Self.rare && !kept.contains(characters[place]) {
                characters[place] = Self.rare
            }
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

/// Which scalars may stand in one piece.
struct Scripts: Sendable {
    /// The number of each scalar's script; 0 goes with all.
    private let numbers: [UInt8]

    /// Expands the generated runs.
    init() {
        var numbers = [UInt8](repeating: 0, count: 0x110000)
        var table = TableNumbers(ScriptTable.runs)
        while let difference = table.next(), let number = table.next(), let count = table.next() {
            table.scalar += difference
            let start = Int(table.scalar)
            numbers.replaceSubrange(
                start..<(start + Int(count)),
                with: repeatElement(UInt8(number), count: Int(count)))
        }
        self.numbers = numbers
    }

    /// Whether characters may be a piece: of one script, with a mark only in front.
    func allow(_ characters: ArraySlice<UInt32>) -> Bool {
        var script: UInt8 = 0
        for (place, character) in zip(characters.indices, characters) {
            if character >= UnigramText.rare { return false }
            if character == UnigramText.mark {
                if place > characters.startIndex { return false }
                continue
            }
            let number = numbers[Int(character)]
            if number != 0, script != 0, number != script { return false }
            if number != 0 { script = number }
        }
        return true
    }
}
