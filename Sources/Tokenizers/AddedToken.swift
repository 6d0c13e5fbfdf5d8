import Files

/// A token matched in the text itself, before any merging.
package struct AddedToken: Sendable, Equatable {
    package var id: Int32
    /// The token as written in a text.
    package let content: String
    /// Left out of decoded text on demand.
    package var isSpecial = true
    /// Only where no word character touches it.
    package var isSingleWord = false
    /// Takes the white space before it along.
    package var stripsLeft = false
    /// Takes the white space after it along.
    package var stripsRight = false
    /// Looked for in normalized text, itself normalized.
    package var isNormalized = false

    package init(id: Int32, content: String, isSpecial: Bool = true, stripsRight: Bool = false) {
        self.id = id
        self.content = content
        self.isSpecial = isSpecial
        self.stripsRight = stripsRight
    }
}

extension AddedToken {
    /// Reads one entry of tokenizer.json's `added_tokens`.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` without id or content.
    init(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let content = json["content"]?.string, !content.isEmpty,
            let id = json["id"]?.integer, let small = Int32(exactly: id), small >= 0
        else {
            throw .invalid(
                file: file, key: "added_tokens", found: json.shown,
                expected: "an id and the content of a token")
        }
        self.id = small
        self.content = content
        for member in json.members ?? [] where !["id", "content"].contains(member.key) {
            let key = "added_tokens.\(member.key)"
            guard Self.flags.contains(member.key) else {
                throw .unused(
                    .init(file: file, key: key, found: member.value.shown, supported: nil))
            }
            guard member.value.bool != nil else {
                throw .invalid(
                    file: file, key: key, found: member.value.shown, expected: "true or false")
            }
        }
        isSpecial = json["special"]?.bool ?? false
        isSingleWord = json["single_word"]?.bool ?? false
        stripsLeft = json["lstrip"]?.bool ?? false
        stripsRight = json["rstrip"]?.bool ?? false
        isNormalized = json["normalized"]?.bool ?? true
    }

    private static let flags = ["special", "single_word", "lstrip", "rstrip", "normalized"]

    /// What tokenizer.json says for this token.
    var json: JSONValue {
        .object([
            (key: "id", value: .int(Int(id))),
            (key: "content", value: .string(content)),
            (key: "single_word", value: .bool(isSingleWord)),
            (key: "lstrip", value: .bool(stripsLeft)),
            (key: "rstrip", value: .bool(stripsRight)),
            (key: "normalized", value: .bool(isNormalized)),
            (key: "special", value: .bool(isSpecial)),
        ])
    }
}

/// Finds added tokens in a text: at each place the longest one, from left to right.
struct AddedTokenMatcher: Sendable {
    /// A part of a text: an added token, or what lies between two.
    struct Segment {
        let range: Range<Int>
        let token: AddedToken?
    }

    private let tokens: [AddedToken]
    /// Whether a token begins with this byte.
    private let begins: [Bool]
    /// The place in `tokens` of each spelling.
    private let spellings: ByteTrie

    /// A matcher of `tokens`, whose bytes are `spellings`; of two alike the first one counts.
    init(_ tokens: [AddedToken], spellings: [[UInt8]]) {
        var begins = [Bool](repeating: false, count: 256)
        var trie = ByteTrie(capacity: spellings.reduce(0) { $0 + $1.count })
        for (number, spelling) in spellings.enumerated() where !spelling.isEmpty {
            begins[Int(spelling[0])] = true
            trie.insert(spelling, number: Int32(number), replaces: false)
        }
        self.tokens = tokens
        self.begins = begins
        self.spellings = trie
    }

    /// The parts of a text, in order; `nil` if it holds no added token.
    ///
    /// As in Hugging Face's program, a token that stands in white space that the one before took along
    /// counts once more, so that parts may overlap.
    func segments(of bytes: [UInt8], _ classes: ScalarClasses) -> [Segment]? {
        if spellings.isEmpty { return nil }
        var segments: [Segment] = []
        var done = 0
        var index = 0
        while index < bytes.count {
            guard begins[Int(bytes[index])], let (end, number) = match(bytes, at: index) else {
                index += 1
                continue
            }
            let token = tokens[number]
            var range = index..<end
            index = end
            if token.isSingleWord, touchesWord(range, bytes, classes) { continue }
            if token.stripsLeft {
                var start = range.lowerBound
                while start > 0 {
                    let before = ScalarClasses.start(before: start, of: bytes)
                    guard !classes.at(before, of: bytes).isDisjoint(with: .whitespace) else {
                        break
                    }
                    start = before
                }
                range = max(start, done)..<max(range.upperBound, done)
            }
            if token.stripsRight {
                var end = range.upperBound
                while end < bytes.count, !classes.at(end, of: bytes).isDisjoint(with: .whitespace) {
                    end += ScalarClasses.length(startingWith: bytes[end])
                }
                range = range.lowerBound..<end
            }
            // The white space that the token before took along holds all of this one.
            if range.isEmpty { continue }
            if done < range.lowerBound {
                segments.append(Segment(range: done..<range.lowerBound, token: nil))
            }
            segments.append(Segment(range: range, token: token))
            done = range.upperBound
        }
        if segments.isEmpty { return nil }
        if done < bytes.count {
            segments.append(Segment(range: done..<bytes.count, token: nil))
        }
        return segments
    }

    private func match(_ bytes: [UInt8], at start: Int) -> (end: Int, number: Int)? {
        var found: (Int, Int)?
        var node = 0
        var index = start
        while index < bytes.count {
            node = spellings.next(node, bytes[index])
            if node < 0 { break }
            index += 1
            let number = Int(spellings.ending(node))
            if number >= 0 { found = (index, number) }
        }
        return found
    }

    private func touchesWord(
        _ range: Range<Int>, _ bytes: [UInt8], _ classes: ScalarClasses
    ) -> Bool {
        if range.lowerBound > 0 {
            let before = ScalarClasses.start(before: range.lowerBound, of: bytes)
            if classes.at(before, of: bytes).contains(.word) { return true }
        }
        return range.upperBound < bytes.count
            && classes.at(range.upperBound, of: bytes).contains(.word)
    }
}
