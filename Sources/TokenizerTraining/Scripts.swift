import Tokenizers

/// Which scalars may stand in one piece.
struct Scripts: Sendable {
    /// The number of each scalar's script; ``inherited`` for marks that go with any.
    private var numbers: [UInt8]
    static let inherited: UInt8 = 0

    /// Expands the generated runs.
    init() {
        var table = TableNumbers(ScriptTable.runs)
        var runs: [(start: Int, number: UInt8, count: Int)] = []
        while let difference = table.next(), let number = table.next(), let count = table.next() {
            table.scalar += difference
            runs.append((Int(table.scalar), UInt8(number), Int(count)))
        }
        func number(of scalar: Int) -> UInt8 {
            runs.first { $0.start <= scalar && scalar < $0.start + $0.count }?.number ?? 0
        }
        // Unlisted scalars are of the script of digits and signs, as for SentencePiece; accents are of
        // none.
        let (common, marks) = (number(of: 0x31), number(of: 0x301))
        numbers = [UInt8](repeating: common, count: 0x110000)
        for (start, number, count) in runs {
            numbers.replaceSubrange(
                start..<(start + count),
                with: repeatElement(number == marks ? Self.inherited : number, count: count))
        }
    }

    /// The number of a character's script.
    func script(of character: UInt32) -> UInt8 { numbers[Int(character)] }

    /// Whether characters may be a piece: of one script, with a mark only in front.
    func allow(_ characters: ArraySlice<UInt32>) -> Bool {
        var script = Self.inherited
        for (place, character) in zip(characters.indices, characters) {
            if character >= UnigramText.rare { return false }
            if character == UnigramText.mark {
                if place > characters.startIndex { return false }
                continue
            }
            let number = numbers[Int(character)]
            if number == Self.inherited { continue }
            if script != Self.inherited, number != script { return false }
            script = number
        }
        return true
    }
}
