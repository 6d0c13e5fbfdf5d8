/// The classes of characters that DeepSeek-LLM's and DeepSeek-Coder's expressions list.
///
/// Source: tokenizer.json of deepseek-llm-7b-base, as in llama.cpp's llama-vocab.cpp.
struct DeepSeekAlphabet: Sendable {
    /// Letters of alphabets with capitals, as ranges of scalars.
    static let lettersText = """
        A-Za-z\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}\u{1BC}-\u{1BF}\u{1C4}-\u{293}\
        \u{295}-\u{2AF}\u{370}-\u{373}\u{376}\u{377}\u{37B}-\u{37D}\u{37F}\u{386}\
        \u{388}-\u{38A}\u{38C}\u{38E}-\u{3A1}\u{3A3}-\u{3F5}\u{3F7}-\u{481}\u{48A}-\u{52F}\
        \u{531}-\u{556}\u{10A0}-\u{10C5}\u{13A0}-\u{13F5}\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\
        \u{1CBD}-\u{1CBF}\u{1D00}-\u{1D2B}\u{1D6B}-\u{1D77}\u{1D79}-\u{1D9A}\u{1E00}-\u{1F15}\
        \u{1F18}-\u{1F1D}\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-\u{1F57}\u{1F59}\u{1F5B}\
        \u{1F5D}\u{1F5F}-\u{1F7D}\u{1F80}-\u{1FB4}\u{1FB6}-\u{1FBC}\u{1FBE}\u{1FC2}-\u{1FC4}\
        \u{1FC6}-\u{1FCC}\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}\u{1FF2}-\u{1FF4}\
        \u{1FF6}-\u{1FFC}\u{2102}\u{2107}\u{210A}-\u{2113}\u{2115}\u{2119}-\u{211D}\u{2124}\
        \u{2126}\u{2128}\u{212A}-\u{212D}\u{212F}-\u{2134}\u{2139}\u{213C}-\u{213F}\
        \u{2145}-\u{2149}\u{214E}\u{2183}\u{2184}\u{2C00}-\u{2C7B}\u{2C7E}-\u{2CE4}\
        \u{2CEB}-\u{2CEE}\u{2CF2}\u{2CF3}\u{A640}-\u{A66D}\u{A680}-\u{A69B}\u{A722}-\u{A76F}\
        \u{A771}-\u{A787}\u{A78B}-\u{A78E}\u{AB70}-\u{ABBF}\u{FB00}-\u{FB06}\u{FB13}-\u{FB17}\
        \u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\
        \u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-\u{10CF2}\u{118A0}-\u{118DF}\
        \u{1E900}-\u{1E943}
        """
    /// Punctuation, ASCII's letters after the colon included.
    static let signsText =
        "!-/:-~\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}"
    /// Chinese, Japanese and Korean, and much that lies between.
    static let eastAsianText = "\u{4E00}-\u{9FA5}\u{800}-\u{4E00}\u{AC00}-\u{D7FF}"

    static let letters = DeepSeekAlphabet(lettersText)
    static let signs = DeepSeekAlphabet(signsText)
    static let eastAsian = DeepSeekAlphabet(eastAsianText)

    private let ranges: [ClosedRange<UInt32>]

    /// The characters of a class as a regular expression writes it between brackets.
    init(_ text: String) {
        let scalars = text.unicodeScalars.map(\.value)
        var ranges: [ClosedRange<UInt32>] = []
        var index = 0
        while index < scalars.count {
            let first = scalars[index]
            let isRange = index + 2 < scalars.count && scalars[index + 1] == 0x2D
            let last = isRange ? scalars[index + 2] : first
            ranges.append(first...max(first, last))
            index += isRange ? 3 : 1
        }
        self.ranges = ranges
    }

    /// Whether the class holds a scalar.
    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }
}

/// `\s?[…]+`: a run of some characters, with the white space before it where `takesSpace`.
struct AlphabetRule: SplitRule {
    let members: DeepSeekAlphabet
    let takesSpace: Bool

    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        if takesSpace, text.is(index, .whitespace) {
            let next = text.scalarEnd(index)
            let last = runEnd(text, next, to: end)
            if last > next { return last }
        }
        return runEnd(text, index, to: end)
    }

    private func runEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        var index = index
        while index < end, members.contains(ScalarClasses.scalar(at: index, of: text.bytes)) {
            index = text.scalarEnd(index)
        }
        return index
    }
}

/// `\s?\p{…}+`: a run of one class, with the white space before it.
struct LedRule: SplitRule {
    let members: ScalarClass

    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let next = text.is(index, .whitespace) ? text.scalarEnd(index) : index
        let last = text.runEnd(members, from: next, to: end)
        return last > next ? last : index
    }
}

/// `\s+$`: white space at the end of a piece, or before a line feed in it.
struct TrailingSpaceRule: SplitRule {
    func matchEnd(_ text: ClassifiedText, _ index: Int, to end: Int) -> Int {
        let run = text.runEnd(.whitespace, from: index, to: end)
        if run == end || run == index { return run }
        var last = run
        while last > index, text.bytes[last - 1] != UInt8(ascii: "\n") { last -= 1 }
        // The line feed itself stays outside unless another one follows it.
        return last > index ? last - 1 : index
    }
}
