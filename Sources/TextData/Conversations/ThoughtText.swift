import Foundation

extension String {
    /// The first span between two marks: with the marks, and without.
    func span(
        from begin: String, to end: String
    ) -> (whole: Range<String.Index>, inner: Range<String.Index>)? {
        guard let first = range(of: begin, options: .literal),
            let last = range(of: end, options: .literal, range: first.upperBound..<endIndex)
        else { return nil }
        return (first.lowerBound..<last.upperBound, first.upperBound..<last.lowerBound)
    }

    /// The text with every occurrence of `part` replaced, compared by characters as they stand.
    func replacing(_ part: Substring, literally replacement: String) -> String {
        replacingOccurrences(of: String(part), with: replacement, options: .literal)
    }

    /// The message without thoughts and the line breaks they leave at its beginning.
    func withoutThoughts() -> String {
        let words = ChatTemplate.thoughtWords
        var rest = self
        var kept = ""
        while let match = rest.span(from: words.begin, to: words.end) {
            kept += rest[..<match.whole.lowerBound]
            rest = String(rest[match.whole.upperBound...])
        }
        kept += rest
        return String(String.UnicodeScalarView(kept.unicodeScalars.drop { $0 == "\n" }))
    }

    /// Whether one of the marks around thoughts occurs.
    var mentionsThoughts: Bool {
        ["<think>", "</think>"].contains { range(of: $0, options: .literal) != nil }
    }
}
