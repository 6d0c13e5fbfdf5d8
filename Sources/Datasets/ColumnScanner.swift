import Files
import Templates

/// Finds sentences in CoNLL's columns: a word a line, with its tag in the last column, and an empty line
/// behind each sentence. Lines that begin a document (-DOCSTART-) are none.
package struct ColumnScanner {
    private let bytes: UnsafeRawBufferPointer
    private var offset: Int
    private var line = 1

    init(bytes: UnsafeRawBufferPointer, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The next sentence, `nil` behind the last.
    mutating func next() -> RowFile.Place? {
        var sentence: RowFile.Place?
        while offset < bytes.count {
            let (start, number) = (offset, line)
            var end = offset
            while end < bytes.count, bytes[end] != 0x0A { end += 1 }
            (offset, line) = (min(end + 1, bytes.count), line + 1)
            let text = bytes[start..<end]
            let isEmpty = text.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            if isEmpty || text.starts(with: "-DOCSTART-".utf8) {
                if sentence != nil { return sentence }
                continue
            }
            let first = sentence?.offset ?? start
            sentence = RowFile.Place(
                offset: first, count: end - first, position: sentence?.position ?? .line(number))
        }
        return sentence
    }

    /// A sentence as an object: its words under `tokens`, their tags under `tags`.
    static func row(_ bytes: Slice<UnsafeRawBufferPointer>) throws(RowProblem) -> JSONValue {
        var words: [JSONValue] = []
        var tags: [JSONValue] = []
        for line in bytes.split(separator: 0x0A) {
            let columns = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            guard let word = columns.first, let tag = columns.last, columns.count > 1 else {
                throw RowProblem(
                    found: "the line '\(String(decoding: line.prefix(40), as: UTF8.self))'",
                    expected: "a word, and its tag in the last column")
            }
            words.append(.string(String(decoding: word, as: UTF8.self)))
            tags.append(.string(String(decoding: tag, as: UTF8.self)))
        }
        return .object([(key: "tokens", value: .array(words)), (key: "tags", value: .array(tags))])
    }
}
