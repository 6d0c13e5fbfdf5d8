/// One regular expression, hand-written: where its match at a place ends.
protocol SplitRule {
    /// The end of the match that begins at `index`; `index` itself if there is none.
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int
}

/// GPT-2: contractions, then ` ?` before letters, numbers or other signs, then white space.
struct GPT2Rule: SplitRule {
    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let contraction = text.contractionEnd(index, to: end, ignoringCase: false)
        if contraction > index { return contraction }
        let isSpace = text.bytes[index] == UInt8(ascii: " ")
        let first = isSpace && index + 1 < end ? index + 1 : index
        if text.is(first, .letter) { return text.runEnd(.letter, from: first, to: end) }
        if text.is(first, .number) { return text.runEnd(.number, from: first, to: end) }
        if text.is(first, .neither) { return text.runEnd(.neither, from: first, to: end) }
        return text.whitespaceEnd(index, to: end)
    }
}

/// Llama 3, Qwen2 and their kin: a sign may lead a word, numbers come in groups, line ends stay
/// with what precedes them.
struct LineRule: SplitRule {
    /// What words are made of.
    let letters: ScalarClass
    /// Scalars of a group of numbers.
    let digits: Int
    /// What is neither space nor word nor number.
    let signs: ScalarClass

    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let contraction = text.contractionEnd(index, to: end, ignoringCase: true)
        if contraction > index { return contraction }
        if text.is(index, letters) { return text.runEnd(letters, from: index, to: end) }
        if text.is(index, .number) {
            return text.runEnd(.number, from: index, to: end, atMost: digits)
        }
        if !text.is(index, .newline) {
            let next = text.scalarEnd(index)
            if next < end, text.is(next, letters) {
                return text.runEnd(letters, from: next, to: end)
            }
        }
        return text.signsOrLinesEnd(index, to: end, signs: signs, orSlash: false)
    }
}

/// GPT-4o and Mistral's Tekken: words also end where lower case gives way to upper case.
struct CaseRule: SplitRule {
    /// Scalars of a group of numbers.
    let digits: Int
    /// Whether a word takes its contraction along.
    let contractions: Bool

    private static let head: ScalarClass = [.upper, .otherLetter, .mark]
    private static let tail: ScalarClass = [.lower, .otherLetter, .mark]
    private static let both: ScalarClass = [.otherLetter, .mark]

    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let word = wordEnd(text, index, to: end)
        if word > index {
            guard contractions, word < end else { return word }
            return text.contractionEnd(word, to: end, ignoringCase: true)
        }
        if text.is(index, .number) {
            return text.runEnd(.number, from: index, to: end, atMost: digits)
        }
        return text.signsOrLinesEnd(index, to: end, signs: .neither, orSlash: true)
    }

    /// A capitalised or lower-case word, else one of capitals, each with and without a sign before
    /// it.
    private func wordEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        var starts = [index, index]
        if !text.is(index, [.letter, .number, .newline]) { starts[0] = text.scalarEnd(index) }
        for start in starts where start < end {
            let found = capitalisedEnd(text, start, to: end)
            if found > start { return found }
        }
        for start in starts where start < end {
            let capitals = text.runEnd(Self.head, from: start, to: end)
            if capitals > start { return text.runEnd(Self.tail, from: capitals, to: end) }
        }
        return index
    }

    /// `head* tail+` with the regular expression's backtracking.
    private func capitalisedEnd(_ text: ClassifiedText, _ start: Int, to end: Int) -> Int {
        let head = text.runEnd(Self.head, from: start, to: end)
        if head < end, text.is(head, Self.tail) {
            return text.runEnd(Self.tail, from: head, to: end)
        }
        var last = head
        while last > start, !text.is(last - 1, Self.both) { last -= 1 }
        return last
    }
}

/// DeepSeek-V3's last expression: a punctuation mark may lead an ASCII word, marks belong to words.
struct DeepSeekRule: SplitRule {
    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let byte = text.bytes[index]
        let next = text.scalarEnd(index)
        if byte < 0x80, text.is(index, [.punctuation, .symbol]), next < end {
            var word = next
            while word < end, Self.isASCIILetter(text.bytes[word]) { word += 1 }
            if word > next { return word }
        }
        let letters: ScalarClass = [.letter, .mark]
        if !text.is(index, [.newline, .letter, .punctuation, .symbol]), next < end,
            text.is(next, letters)
        {
            return text.runEnd(letters, from: next, to: end)
        }
        if text.is(index, letters) { return text.runEnd(letters, from: index, to: end) }
        return text.signsOrLinesEnd(
            index, to: end, signs: [.punctuation, .symbol], orSlash: false)
    }

    private static func isASCIILetter(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20)
    }
}

/// `[一-龥぀-ゟ゠-ヿ]+`: DeepSeek's runs of Chinese and Japanese.
struct IdeographRule: SplitRule {
    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        var index = index
        while index < end {
            let scalar = ScalarClasses.scalar(at: index, of: text.bytes)
            guard (0x4E00...0x9FA5).contains(scalar) || (0x3040...0x30FF).contains(scalar) else {
                return index
            }
            index += 3
        }
        return index
    }
}

/// Up to so many scalars of one class, the others between them left together.
struct ClassRule: SplitRule {
    let members: ScalarClass
    let limit: Int

    @inline(__always)
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        text.runEnd(members, from: index, to: end, atMost: limit)
    }
}

extension ClassifiedText {
    /// ` ?signs+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+` at `index`; GPT-4o also takes slashes with the
    /// line ends.
    @inline(__always)
    func signsOrLinesEnd(
        _ index: Int, to end: Int, signs: ScalarClass, orSlash: Bool
    ) -> Int {
        let isSpace = bytes[index] == UInt8(ascii: " ")
        let first = isSpace && index + 1 < end ? index + 1 : index
        guard self.is(first, signs) else { return linesEnd(index, to: end) }
        var last = runEnd(signs, from: first, to: end)
        while last < end, self.is(last, .newline) || (orSlash && bytes[last] == UInt8(ascii: "/")) {
            last += 1
        }
        return last
    }
}
