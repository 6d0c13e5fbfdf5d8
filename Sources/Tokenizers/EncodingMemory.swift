/// What one thread needs while it encodes, kept from call to call: the text at hand and the words
/// met.
struct EncodingMemory: Sendable {
    private(set) var text = ClassifiedText()
    /// Where each word of the text ends.
    private(set) var ends: [Int] = []
    /// Where a model leaves the tokens of a word.
    var merger = WordMerger()
    var lattice = UnigramLattice()

    private var spare: [Int] = []
    private var words = ByteStringTable(capacity: 4096)
    /// Where the ids of each word begin in `ids`; one more entry than words.
    private var starts: [Int] = [0]
    private var ids: [Int32] = []
    /// What the word last looked for in vain was looked for by.
    private var missed = ByteStringTable.Key(head: 0, hash: 0)

    /// Words longer than this seldom come again.
    private static let longestWord = 64
    /// Words after which the memory starts anew.
    private static let mostWords = 1 << 17

    /// Takes `bytes` as the text and cuts it into words.
    ///
    /// - Parameter isFirst: the text begins what was given to the tokenizer.
    mutating func cut(
        _ bytes: [UInt8], _ preTokenizer: PreTokenizer, _ classes: ScalarClasses, isFirst: Bool
    ) {
        text.set(bytes, preTokenizer.readsClasses ? classes : nil)
        preTokenizer.cut(&text, classes, isFirst: isFirst, into: &ends, using: &spare)
    }

    /// The same, with where each byte stands in the text that was given, before and after.
    mutating func cut(
        _ bytes: [UInt8], _ preTokenizer: PreTokenizer, _ classes: ScalarClasses, isFirst: Bool,
        places: inout [TokenOffset]?
    ) {
        text.set(bytes, classes)
        preTokenizer.cut(
            &text, classes, isFirst: isFirst, into: &ends, using: &spare, places: &places)
    }

    /// Adds the ids of the word at `start..<end` if it was met before, and says whether it was.
    @inline(__always)
    mutating func recall(_ start: Int, _ end: Int, into result: inout [Int32]) -> Bool {
        if end - start > Self.longestWord { return false }
        missed = ByteStringTable.key(text.bytes, start, end)
        let number = words.find(text.bytes, start, end, missed)
        if number < 0 { return false }
        let first = starts[number]
        let last = starts[number + 1]
        if last - first == 1 {
            result.append(ids[first])
        } else {
            for index in first..<last { result.append(ids[index]) }
        }
        return true
    }

    /// Adds the merger's tokens as the ids of the word at `start..<end`, which ``recall`` just
    /// missed, and keeps them.
    mutating func remember(_ start: Int, _ end: Int, into result: inout [Int32]) {
        result += merger.tokens
        if end - start > Self.longestWord { return }
        if words.count == Self.mostWords {
            words.removeAll()
            starts.removeAll(keepingCapacity: true)
            starts.append(0)
            ids.removeAll(keepingCapacity: true)
        }
        _ = words.insert(text.bytes, start, end, missed)
        ids += merger.tokens
        starts.append(ids.count)
    }
}
