import Files

/// Finds the rows of a file that is one object with its rows under `data`: as they are, or as questions in
/// SQuAD's articles and paragraphs, whose contexts belong to all their questions.
final class WrappedRows {
    /// A paragraph of SQuAD: its first byte, and the bytes of its context as JSON.
    struct Paragraph: Sendable {
        let start: Int
        let context: Range<Int>
    }

    private(set) var places: [RowFile.Place] = []
    /// In order; none where rows stand as they are.
    private(set) var paragraphs: [Paragraph] = []

    private let bytes: UnsafeRawBufferPointer
    private var index: Int
    private var line = 1

    /// What stands where something else was expected.
    private struct Damage: Error {
        let line: Int
        let expected: String
    }

    /// - Returns: `nil` where the file is no such object.
    /// - Throws: ``ConversationError/file(path:problem:)`` for paragraphs that are damaged, and for a row
    ///   larger than `limit`.
    init?(
        _ bytes: UnsafeRawBufferPointer, offset: Int, file: String, _ limit: RecordLimit
    ) throws(ConversationError) {
        self.bytes = bytes
        index = offset
        var isWrapped = false
        do throws(Damage) {
            guard next() == UInt8(ascii: "{") else { return nil }
            try members { key throws(Damage) in
                guard key.elementsEqual("data".utf8), self.next() == UInt8(ascii: "[") else {
                    return try self.skip()
                }
                isWrapped = true
                try self.elements(self.article)
            }
            guard isWrapped, next() == nil else { return nil }
        } catch {
            guard !paragraphs.isEmpty else { return nil }
            let place = sharesLines ? "after row \(places.count)" : "line \(error.line)"
            throw .file(path: file, problem: "\(place): expected \(error.expected)")
        }
        if sharesLines {
            for index in places.indices { places[index].position = .row(index + 1) }
        }
        if let large = places.first(where: { $0.count > limit.bytes }) {
            throw .file(
                path: file, problem: "\(large.position): " + limit.problem("a row", large.count))
        }
    }

    /// The context of the question that begins at a byte.
    static func context(
        of offset: Int, in paragraphs: [Paragraph]
    ) -> Range<Int>? {
        var (low, high) = (0, paragraphs.count)
        while low < high {
            let middle = (low + high) / 2
            if paragraphs[middle].start <= offset { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? paragraphs[low - 1].context : nil
    }

    /// Whether one of the first rows begins on the line of the row before it, as in a list.
    private var sharesLines: Bool {
        let first = places.prefix(RowPosition.examinedRows)
        return zip(first, first.dropFirst()).contains { $0.position == $1.position }
    }

    private func article() throws(Damage) {
        let (start, first) = (index, line)
        guard next() == UInt8(ascii: "{") else { throw damage("an object") }
        var isArticle = false
        try members { key throws(Damage) in
            guard key.elementsEqual("paragraphs".utf8) else { return try self.skip() }
            isArticle = true
            try self.elements(self.paragraph)
        }
        if !isArticle {
            places.append(
                RowFile.Place(offset: start, count: index - start, position: .line(first)))
        }
    }

    private func paragraph() throws(Damage) {
        let start = index
        var context: Range<Int>?
        guard next() == UInt8(ascii: "{") else { throw damage("a paragraph, an object") }
        try members { key throws(Damage) in
            if key.elementsEqual("qas".utf8) { return try self.elements(self.question) }
            let first = self.index
            try self.skip()
            if key.elementsEqual("context".utf8) { context = first..<self.index }
        }
        guard let context else { throw damage("the context of a paragraph before its end") }
        paragraphs.append(Paragraph(start: start, context: context))
    }

    private func question() throws(Damage) {
        let (start, first) = (index, line)
        guard next() == UInt8(ascii: "{") else { throw damage("a question, an object") }
        try skip()
        places.append(RowFile.Place(offset: start, count: index - start, position: .line(first)))
    }
}

// MARK: - JSON by its brackets

extension WrappedRows {
    private func damage(_ expected: String) -> Damage { Damage(line: line, expected: expected) }

    /// Passes over white space; the byte behind it.
    private func next() -> UInt8? {
        while index < bytes.count {
            switch bytes[index] {
            case 0x0A: line += 1
            case 0x20, 0x0D, 0x09: break
            case let byte: return byte
            }
            index += 1
        }
        return nil
    }

    /// Passes over `byte` if it is next.
    private func takes(_ byte: UInt8) -> Bool {
        guard next() == byte else { return false }
        index += 1
        return true
    }

    /// Passes over an object; `member` passes over each value.
    private func members(
        _ member: (Slice<UnsafeRawBufferPointer>) throws(Damage) -> Void
    ) throws(Damage) {
        index += 1
        if takes(UInt8(ascii: "}")) { return }
        repeat {
            guard next() == UInt8(ascii: "\"") else { throw damage("a key in quotation marks") }
            let start = index
            try skip()
            let key = bytes[start + 1..<index - 1]
            guard takes(UInt8(ascii: ":")), next() != nil else { throw damage("':' and a value") }
            try member(key)
        } while takes(UInt8(ascii: ","))
        guard takes(UInt8(ascii: "}")) else { throw damage("',' or '}'") }
    }

    /// Passes over a list; `element` passes over each.
    private func elements(_ element: () throws(Damage) -> Void) throws(Damage) {
        guard takes(UInt8(ascii: "[")) else { throw damage("a list") }
        if takes(UInt8(ascii: "]")) { return }
        repeat {
            _ = next()
            try element()
        } while takes(UInt8(ascii: ","))
        guard takes(UInt8(ascii: "]")) else { throw damage("',' or ']'") }
    }

    /// Passes over a value.
    private func skip() throws(Damage) {
        var depth = 0
        repeat {
            guard let byte = next() else { throw damage("the end of a value") }
            switch byte {
            case UInt8(ascii: "\""): try skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw damage("a value") }
                depth -= 1
                index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw damage("a value") }
                index += 1
            default:
                while index < bytes.count, !Self.ends(bytes[index]) { index += 1 }
            }
        } while depth > 0
    }

    private static func ends(_ byte: UInt8) -> Bool {
        byte <= 0x20 || ",:[]{}\"".utf8.contains(byte)
    }

    private func skipString() throws(Damage) {
        index += 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return
            case UInt8(ascii: "\\"): index += 2
            case 0x0A:
                line += 1
                index += 1
            default: index += 1
            }
        }
        index = min(index, bytes.count)
        throw damage("the end of a text, '\"'")
    }
}
